// Loads the library for GPUs at run time, so that the program needs none of its parts.
#pragma once

#include <string>
#include <vector>

#include "kernels/accelerator.h"

namespace pals {

/// What is looked for: the library (the first of these files that exists), and what it stands on,
/// as dlopen finds it.
struct AcceleratorFiles {
  std::vector<std::string> libraries;
  std::string driver = "libcuda.so.1";
  std::string torch = "libtorch_cuda.so";
};

/// libpals_cuda.so where libraries of ours lie (base/library_places.h).
AcceleratorFiles usual_accelerator_files();

/// An accelerator, or what is missing for it.
struct LoadedAccelerator {
  Accelerator* accelerator = nullptr;
  std::string problem;  ///< where there is none: what is missing, and what to do
};

/// Loads it for the rest of the process. The driver is looked for before the large libraries are.
LoadedAccelerator load_accelerator(const AcceleratorFiles& files);

}  // namespace pals
