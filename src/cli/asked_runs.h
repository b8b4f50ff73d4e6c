// Several runs that one command asks for, in a folder where what they have in common is noted.
#pragma once

#include <CLI/CLI.hpp>
#include <stop_token>
#include <string>

#include "base/json.h"
#include "options/option.h"
#include "report/run_data.h"
#include "settings/train_options.h"

namespace pals {

/// UsageError if `folder` holds runs that were asked for with other options than these, which its
/// file `name` says, or something else than runs. Touches nothing.
void check_asked(const std::string& folder, const char* name, const Json& asked);

/// Notes in the folder, which it makes, what is asked of its runs. If none of them has begun when
/// it goes, since the first one was refused, the note goes too, and the folder that was made for
/// it.
class AskedNote {
 public:
  AskedNote(std::string folder, const char* name, const Json& asked);
  ~AskedNote();
  AskedNote(const AskedNote&) = delete;
  AskedNote& operator=(const AskedNote&) = delete;

 private:
  std::string folder_;
  const char* name_;
  bool made_folder_;
};

/// UsageError for a command whose runs train in one process, under a launcher of many.
void refuse_launchers(const char* command);

/// Makes the run, or goes on with it, unless it is over; `what` is said of it first.
RunData finish_run(const TrainOptions& options, const std::string& what,
                   const std::stop_token& stop);

/// The flags of `pals train` that the command hands on to its runs.
void add_options_of_runs(CLI::App& app, OptionList list);

}  // namespace pals
