// The flags that say where texts come from, for the commands that work on texts.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "predict/text_input.h"

namespace pals {

struct InputFlags {
  std::string input, format = "auto", text_a, text_b;
  bool header = false;
};

/// Adds --input (also --input_file), --input_format, --text_a, --text_b and --header.
void add_input_flags(CLI::App& app, InputFlags& flags);

/// Opens what the flags name; lines are cut by `rule`. UsageError for flags that contradict each
/// other.
std::unique_ptr<TextInput> open_input(const InputFlags& flags, LineRule rule);

}  // namespace pals
