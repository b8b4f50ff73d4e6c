// What a training run will take on this machine, by a few of its steps.
#pragma once

#include <stop_token>

#include "train/forecast.h"

namespace pals {

/// Plans a run of these options: reads and encodes its files, takes a few of its first steps and
/// throws them away. Writes nothing, not even into the cache of features. Throws as train() does
/// before its first step.
RunForecast plan_run(TrainOptions options, const std::stop_token& stop);

}  // namespace pals
