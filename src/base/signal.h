// A clean stop on SIGINT, SIGTERM and SIGUSR1: the handlers set a flag that loops ask for.
#pragma once

namespace pals {

/// Installs the handlers. The first of these signals sets the flag; a second one, of any of them,
/// has the system's default effect (the process ends). System calls are restarted where they can
/// be. SIGUSR1 is what mpirun passes on to its ranks; SIGTERM it answers by ending them itself.
void install_signal_handlers();

/// Whether such a signal has come. Cheap; any thread.
bool stop_requested();

/// The signal that came first, or 0. The exit code for it is 128 + signal: 130, 143 or 138.
int stop_signal();

/// Forgets a signal that came and installs the handlers afresh.
void reset_stop_request();

}  // namespace pals
