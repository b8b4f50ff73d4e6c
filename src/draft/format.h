// In which format a data file is, by its name and by what it holds.
#pragma once

#include <string>
#include <string_view>

#include "tasks/task.h"

namespace pals {

/// The format of a file whose name tells none. Throws Error for content in none of the formats.
FileFormat format_of_content(std::string_view bytes, const std::string& path);

/// Refuses what is no text: Parquet and other binary formats. Throws Error that names those that
/// are read.
void refuse_binary(std::string_view bytes, const std::string& path);

/// Refuses tables whose columns are parted by something else than their format's separator: by
/// semicolons, bars, or the other format's. Throws Error that says what to do.
void refuse_other_separators(std::string_view bytes, FileFormat format, const std::string& path);

}  // namespace pals
