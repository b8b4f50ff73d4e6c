// How a command ends: its exit code, and the one line that says why.
#pragma once

#include <string>

namespace pals {

inline constexpr int kExitRun = 1, kExitUsage = 2;

/// Prints "pals: message" as one line of bounded length on standard error; gives `code` back.
int report(const std::string& message, int code);

/// Reports the exception that is being handled, in words for the user; its exit code.
int report_exception();

/// The code of a command that has printed its result: `code`, or that of a failed run with a line
/// if the result could not be written to standard output.
int after_output(int code);

}  // namespace pals
