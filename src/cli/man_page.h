// Manual pages, made of the commands' descriptions.
#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"

namespace pals {

/// The page of the program in troff's macros for manual pages, man(7): `pals man`.
std::string man_page(const CLI::App& program, const std::vector<Command>& commands);

/// The page of the command of that name: `pals man train`. UsageError if there is none.
std::string man_page(const std::string& name, const std::vector<Command>& commands);

}  // namespace pals
