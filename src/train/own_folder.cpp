#include "train/own_folder.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/output_path.h"
#include "base/text_util.h"
#include "train/check_options.h"

namespace pals {
namespace {

bool is_home(const std::string& folder) {
  const char* named = std::getenv("HOME");
  const passwd* user = ::getpwuid(::getuid());
  return (named != nullptr && same_file(folder, named)) ||
         (user != nullptr && same_file(folder, user->pw_dir));
}

// Any of the files that say what a run began with; a checkpoint does too.
bool holds_run(const std::string& folder) {
  if (file_exists(folder + kRunConfigName) || file_exists(folder + kIdentityName)) return true;
  return holds_checkpoints(folder + kCheckpointsName);
}

// What a run finds of its own: the lock and temporary files of one that was killed as it began, and
// the log that a shell has opened for this one.
bool is_of_this_run(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  return name == kLockName + 1 || is_temporary_name(name) || same_file(path, "/dev/stdout") ||
         same_file(path, "/dev/stderr");
}

}  // namespace

void refuse_foreign_folder(const std::string& folder) {
  refuse_foreign_folder(folder, holds_run(folder), kRunConfigName);
}

void refuse_foreign_folder(const std::string& folder, bool is_own, const std::string& mark) {
  if (!directory_exists(folder)) return;
  const bool root = same_file(folder, "/");
  if (root || is_home(folder)) {
    fail_usage("--output_dir ", folder, " is ", root ? "the root" : "a home",
               " folder; choose one that is the run's alone");
  }
  if (is_own) return;
  for (const std::string& name : list_directory(folder)) {
    if (is_of_this_run(folder, name)) continue;
    fail_usage("--output_dir ", folder, " holds ", quote(name), " but no run (no ", mark.substr(1),
               "), and stays as it is; choose a new or an empty folder");
  }
}

}  // namespace pals
