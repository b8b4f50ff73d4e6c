// Completion of commands, flags and their values in a shell.
#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"

namespace pals {

/// A script for bash, made of the commands' descriptions: `eval "$(pals completion bash)"`.
std::string bash_completion(const std::vector<Command>& commands);

}  // namespace pals
