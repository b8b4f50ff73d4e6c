// From the precision that a user chose to the one that a device computes in.
#pragma once

#include <c10/core/Device.h>

#include "modules/precision.h"
#include "options/choices.h"

namespace pals {

/// kInt8 (beside the faster of bf16 and fp32) is for processors with VNNI, kHalf and kTf32 are for
/// GPUs, kAuto is bf16 on a GPU and where the processor multiplies in it, else fp32. Throws
/// UsageError for what the device does not compute in.
Precision choose_precision(PrecisionChoice choice, at::Device device);

/// The same without int8, in which nothing trains.
Precision choose_training_precision(PrecisionChoice choice, at::Device device);

/// What would have to be chosen for this precision.
PrecisionChoice choice_of(const Precision& precision);

}  // namespace pals
