// Where libraries of PALs lie that are loaded at run time.
#pragma once

#include <string>
#include <vector>

namespace pals {

/// The paths at which a library of ours may be, the likeliest first: beside the program (in a
/// build), in ../lib/pals (installed), and above it (of build/bench). In a shared object that a
/// foreign program has loaded, such as Python's, the same beside that object.
std::vector<std::string> library_places(const std::string& name);

}  // namespace pals
