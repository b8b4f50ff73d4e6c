// Which format an input has: by its name, or by the line that it begins with.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/input_stream.h"
#include "tasks/task.h"

namespace pals {

/// The first line of an input that is not blank, without its end and byte order mark; looked at
/// alone, so that it is still to be read. As much as has come of a line that exceeds kMaxRowBytes.
/// Empty for an input without any. Throws Error once the input's stop is requested.
std::string first_line(InputStream& input);

/// The names of a table's columns by its first line, or the keys of an object of JSONL. Empty for
/// what is not of that format.
std::vector<std::string> column_names(std::string_view line, FileFormat format);

/// Whether all names stand among the others.
bool holds_all(const std::vector<std::string>& names, const std::vector<std::string>& wanted);

/// The names of a file's columns of texts and choices; nothing if one is given by number.
std::optional<std::vector<std::string>> names_of_columns(const DataFile& file);

/// The format of an input whose name does not tell it: JSONL if the first line is an object; TSV or
/// CSV if it names all of one of the lists of columns; nothing for plain lines. UsageError for JSON
/// that goes over several lines.
std::optional<FileFormat> format_of_line(std::string_view line, const std::string& where,
                                         const std::vector<std::vector<std::string>>& columns);

}  // namespace pals
