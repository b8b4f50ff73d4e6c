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
/// file `name` says. Touches nothing.
void check_asked(const std::string& folder, const char* name, const Json& asked);

/// Makes the folder, and notes there what is asked of its runs.
void note_asked(const std::string& folder, const char* name, const Json& asked);

/// UsageError for a command whose runs train in one process, under a launcher of many.
void refuse_launchers(const char* command);

/// Whether the run in a folder is over, so that it is not made again.
bool is_finished_run(const std::string& folder);

/// Makes the run, or goes on with it, unless it is over; `what` is said of it first.
RunData finish_run(const TrainOptions& options, const std::string& what,
                   const std::stop_token& stop);

/// The flags of `pals train` that the command hands on to its runs.
void add_options_of_runs(CLI::App& app, OptionList list);

}  // namespace pals
