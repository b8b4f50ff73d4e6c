// Everything that `pals compare` can be told: a training run's options, and what varies.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "options/option.h"
#include "settings/train_options.h"

namespace pals {

struct CompareOptions {
  TrainOptions train;      ///< of every run, but for adapter, seed and folder
  std::string adapters;    ///< with commas between; empty: the one of `train`
  std::string seeds;       ///< the same
  std::string output_dir;  ///< the folder of the runs' folders
  bool json = false;
};

/// One row for each that is not of `train`, which fills `options` (it must outlive the rows).
OptionList options_of(CompareOptions& options);

/// The rows of `train` that a comparison takes too: all but those that it has itself, and those of
/// many processes; hidden in its help.
OptionList train_options_of(CompareOptions& options);

/// What is asked of all runs alike, as JSON.
Json common_options(const CompareOptions& options);

/// The adapters and seeds in their order, each once. UsageError for what is none, or comes twice;
/// adapters are only names here.
std::vector<std::string> adapters_of(const CompareOptions& options);
std::vector<uint64_t> seeds_of(const CompareOptions& options);

}  // namespace pals
