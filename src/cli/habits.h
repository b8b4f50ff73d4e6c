// What users type out of habit from other programs, and what it is called here.
#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"

namespace pals {

/// For a first argument that is no command, such as help or evaluate: "; did you mean `pals
/// --help`?", or "" where nothing comes to mind.
std::string command_habit(const std::vector<std::string>& arguments,
                          const std::vector<Command>& commands);

/// For a flag that the command has not, such as --output: "; did you mean \"--output_dir\"?", or
/// "". `flag` begins with -- and has no value.
std::string flag_habit(const CLI::App& app, const std::string& flag);

/// Whether the text is the name of a command, or another name of it.
bool is_command(const std::string& text, const std::vector<Command>& commands);

}  // namespace pals
