// Feeds the page of a run with anything in place of its log and its predictions: a page comes out,
// small and without markup from outside.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "report/page.h"
#include "report/run_report.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t middle = bytes.find('\f');  // the log, a form feed, the predictions
  pals::RunData run{.folder = "run", .name = "run"};
  run.history = pals::parse_history(bytes.substr(0, middle));
  if (middle != std::string_view::npos) {
    try {
      std::vector<std::string> damaged;
      run.predictions.push_back(
          pals::parse_predictions(bytes.substr(middle + 1), "input", damaged));
    } catch (const pals::Error&) {
    }
  }
  const std::string page = pals::run_page(run);
  if (page.size() >= pals::kMostPageBytes || page.find("<script") != std::string::npos) {
    std::abort();
  }
  return 0;
}
