// The optimizer's block on the buffers of an arena.
#pragma once

#include "kernels/operations.h"
#include "parameters/parameter_arena.h"

namespace pals {

/// The ranges are the caller's to say.
inline BertAdam update_of(const ParameterArena& arena) {
  return {.weights = arena.weights(),
          .gradients = arena.gradients(),
          .first_moment = arena.first_moment(),
          .second_moment = arena.second_moment(),
          .shadow = arena.shadow()};
}

}  // namespace pals
