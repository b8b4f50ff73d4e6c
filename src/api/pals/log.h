// Messages, for a program that shows them itself.
#pragma once

#include <pals/types.h>

#include <functional>
#include <string>

namespace pals::api {

/// Has `sink` take the lines of this process that would stand on stderr, one at a time, from any
/// thread; it must not throw. Warnings begin with "warning: ". An empty one ends that. Progress of
/// training is not drawn meanwhile.
void redirect_log(std::function<void(const std::string& line)> sink);

}  // namespace pals::api
