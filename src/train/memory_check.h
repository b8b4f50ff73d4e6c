// Whether training fits into a device's memory, said with the numbers.
#pragma once

#include <c10/util/FunctionRef.h>

#include <vector>

#include "features/features.h"
#include "model/multi_task_model.h"

namespace pals {

/// Before the first step, for micro-batches of so many examples of one of these tasks: throws Error
/// if gradients, moments and a batch of mean length do not fit, and warns if a batch of the longest
/// rows may not. On the CPU nothing is checked.
void check_memory(const MultiTaskModel& model, const std::vector<FeaturesPtr>& tasks,
                  int64_t examples);

/// Does a part of a step on batches of up to so many tokens; memory that runs out in it is an Error
/// with the numbers.
void within_memory(const MultiTaskModel& model, int64_t tokens, c10::function_ref<void()> work);

}  // namespace pals
