// Everything that the commands around a user's data can be told. Field names are the flags'.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "options/option.h"

namespace pals {

struct CheckFlags {
  std::string init_checkpoint, vocab_file;  ///< whose vocabulary texts are measured by
  std::optional<bool> do_lower_case, special_tokens_in_text;
  int max_seq_length = 128;
  int threads = 0;
  bool json = false;
};

struct InitFlags {
  std::string output = "tasks.json";
  double dev_fraction = 0.0;  ///< of tasks without a dev file; 0: none is split off
  uint64_t seed = 42;
  bool overwrite = false;
};

/// One row for each, which fills `options` (it must outlive the rows). Without the files, which are
/// no flags.
OptionList options_of(CheckFlags& options);
OptionList options_of(InitFlags& options);

}  // namespace pals
