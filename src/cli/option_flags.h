// From descriptions of options to CLI11's.
#pragma once

#include <CLI/CLI.hpp>

#include "options/option.h"

namespace pals {

/// What --help calls the value of an option that is no switch: "INT".
const char* value_name(const Option& option);

/// Adds a flag for each option, which fills the option's field.
void add_options(CLI::App& app, const OptionList& options);

}  // namespace pals
