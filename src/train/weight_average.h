// The weights' average (--ema) in use.
#pragma once

#include <c10/util/FunctionRef.h>

#include "parameters/parameter_arena.h"

namespace pals {

/// Evaluates or saves with the average in place of the weights, if the arena keeps one. Afterwards,
/// and after an exception, both are as before.
void on_average(ParameterArena& arena, c10::function_ref<void()> work);

/// Has training go on from the average, if the arena keeps one.
void start_from_average(ParameterArena& arena);

}  // namespace pals
