// Where results go: standard output, or a file that appears when it is whole.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace pals {

class TextOutput {
 public:
  /// "" and "-" are standard output. Throws Error if the file cannot be made.
  explicit TextOutput(const std::string& path);

  /// Throws Error when the system refuses.
  void write(std::string_view text);

  /// Standard output shows what was written so far; a file does so at finish().
  void flush();
  void finish();

 private:
  std::optional<AtomicFile> file_;
};

/// Writes files one after another to `path`, as TextOutput does.
void join_texts(const std::vector<std::string>& parts, const std::string& path);

}  // namespace pals
