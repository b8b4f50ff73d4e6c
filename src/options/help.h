// The texts of options: for a terminal, and as tables of the documentation.
#pragma once

#include <string>

#include "options/option.h"

namespace pals {

/// Without the backticks of Markdown.
std::string plain_text(const std::string& markdown);

/// An option's line in --help: what it does, and what values it takes.
std::string help_text(const Option& option);

/// A command's tables in Markdown, one for each heading (flag, default, values, meaning), and of a
/// command whose runs go on (OptionList::resumes) the flags that may change then. Each stands
/// between comments that name it, which the documentation has too.
std::string option_tables(const std::string& command, const OptionList& options);

}  // namespace pals
