// Where a training run computes: in how many processes, and each on which device.
#pragma once

#include <c10/core/Device.h>

#include "dist/launch.h"
#include "settings/train_options.h"

namespace pals {

/// This rank's device, by --device and --no_cuda.
at::Device choose_device(const TrainOptions& options, const Launch& launch);

/// How many processes shall run in place of this one: --nproc, or one for each GPU if --device
/// leaves them open and there are several. 1 where a launcher has started this one.
int processes_to_start(const TrainOptions& options, const Launch& launch);

}  // namespace pals
