// What a service manager (systemd) is told of the program's state.
#pragma once

#include <string_view>

namespace pals {

/// Sends a state such as "READY=1" or "STOPPING=1" to the socket that NOTIFY_SOCKET names, as
/// sd_notify does; nothing where there is none, or where it cannot be reached.
void notify_service_manager(std::string_view state);

}  // namespace pals
