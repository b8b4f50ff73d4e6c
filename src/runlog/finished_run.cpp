#include "runlog/finished_run.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "runlog/file_names.h"
#include "runlog/records.h"

namespace pals {

bool is_finished_run(const std::string& folder) {
  const std::string path = folder + kResultsName;
  if (!file_exists(path)) return false;
  try {
    return parse_results(read_json(path), path).finished;
  } catch (const Error&) {
    return true;
  }
}

}  // namespace pals
