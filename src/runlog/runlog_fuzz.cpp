// Feeds the readers of a run's files with anything: damaged lines are reported, never fatal, and
// what was read can be written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "runlog/gradients.h"
#include "runlog/metrics.h"
#include "runlog/predictions.h"

namespace {

void read_metrics(std::string_view bytes) {
  pals::MetricsReader reader(bytes);
  pals::MetricsRecord record;
  while (reader.next(record)) {
    std::visit(
        [](const auto& line) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(line)>, pals::DamagedLine>) {
            const std::string text = pals::to_json(line).dump() + "\n";
            pals::MetricsReader again(text);
            pals::MetricsRecord same;
            if (!again.next(same) || same != pals::MetricsRecord(line)) std::abort();
          }
        },
        record);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_metrics(bytes);
  try {
    const auto results = pals::parse_results(pals::parse_json(bytes, "input"), "input");
    const auto again = pals::parse_results(
        pals::parse_json(pals::json_text(to_json(results)), "output"), "output");
    if (again != results) std::abort();
  } catch (const pals::Error&) {
  }
  try {
    const auto gradients = pals::parse_gradients(pals::parse_json(bytes, "input"), "input");
    const auto again = pals::parse_gradients(
        pals::parse_json(pals::json_text(to_json(gradients)), "output"), "output");
    if (again != gradients) std::abort();
  } catch (const pals::Error&) {
  }
  try {
    std::vector<std::string> damaged;
    pals::parse_predictions(bytes, "input", damaged);
  } catch (const pals::Error&) {
  }
  return 0;
}
