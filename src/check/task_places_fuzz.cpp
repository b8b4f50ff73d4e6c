// Fuzz target: the lines of tasks and keys in a task file; lines are those of the text, and no key
// stands above its task.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "check/fold.h"
#include "check/task_places.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const int64_t lines = 1 + std::count(text.begin(), text.end(), '\n');
  for (const pals::TaskPlace& place : pals::places_of_tasks(text)) {
    if (place.line < 1 || place.line > lines) std::abort();
    for (const auto& [key, line] : place.keys) {
      if (line < place.line || line > lines) std::abort();
    }
  }
  std::string folded;
  if (pals::fold_text(text, folded) > static_cast<int64_t>(size)) std::abort();
  return 0;
}
