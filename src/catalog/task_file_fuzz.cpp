// Fuzz target: task files. What is accepted must come back the same from a saved model's
// tasks.json.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "catalog/task_file.h"
#include "catalog/task_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const pals::Json document = pals::parse_json(text, "fuzz");
    for (const pals::Task& task : pals::parse_task_file(document, "fuzz", "/folder")) {
      if (pals::parse_task(pals::task_to_json(task), "saved") != task) {
        // A classification whose labels are still to be collected is not saved.
        if (!task.labels.empty() || task.kind != pals::TaskKind::kClassification) std::abort();
      }
    }
  } catch (const pals::Error&) {
  }
  return 0;
}
