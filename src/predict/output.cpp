#include "predict/output.h"

#include <cstdio>

#include "base/error.h"

namespace pals {
namespace {

[[noreturn]] void fail_stdout() { fail("standard output: cannot be written"); }

}  // namespace

TextOutput::TextOutput(const std::string& path) {
  if (!path.empty() && path != "-") file_.emplace(path);
}

void TextOutput::write(std::string_view text) {
  if (file_) return file_->write(text);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail_stdout();
}

void TextOutput::flush() {
  if (!file_ && std::fflush(stdout) != 0) fail_stdout();
}

void TextOutput::finish() {
  flush();
  if (file_) file_->commit();
}

void join_texts(const std::vector<std::string>& parts, const std::string& path) {
  TextOutput output(path);
  for (const std::string& part : parts) output.write(MappedFile(part).bytes());
  output.finish();
}

}  // namespace pals
