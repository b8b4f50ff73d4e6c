// A clean stop on SIGINT and SIGTERM: the handlers set a flag that loops ask for.
#pragma once

namespace pals {

/// Installs the handlers. The first SIGINT or SIGTERM sets the flag; a second one of either has the
/// system's default effect (the process ends). System calls are restarted where they can be.
void install_signal_handlers();

/// Whether SIGINT or SIGTERM has come. Cheap; any thread.
bool stop_requested();

/// The signal that came first, or 0. The exit code for it is 128 + signal: 130 or 143.
int stop_signal();

/// Forgets a signal that came and installs the handlers afresh.
void reset_stop_request();

}  // namespace pals
