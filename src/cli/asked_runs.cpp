#include "cli/asked_runs.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "runlog/file_names.h"
#include "settings/train_options.h"

namespace pals {
namespace {

bool holds_runs(const std::string& folder) {
  return directory_exists(folder) &&
         std::ranges::any_of(list_directory(folder), [&](const std::string& name) {
           return file_exists(concat(folder, "/", name, kMetricsName));
         });
}

}  // namespace

void check_asked(const std::string& folder, const char* name, const Json& asked) {
  const std::string path = folder + name;
  if (!file_exists(path) || !holds_runs(folder)) return;
  const std::vector<std::string> names = differing_options(read_json(path), asked);
  if (names.empty()) return;
  fail_usage(folder, " holds runs with other values of ", join(names, ", "),
             "; give the same to go on with them, or another --output_dir");
}

void note_asked(const std::string& folder, const char* name, const Json& asked) {
  make_directories(folder);
  write_file_atomically(folder + name, json_text(asked));
}

}  // namespace pals
