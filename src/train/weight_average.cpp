#include "train/weight_average.h"

#include <c10/core/InferenceMode.h>

namespace pals {
namespace {

void exchange(ParameterArena& arena) {
  const c10::InferenceMode inference_mode;
  if (arena.average().defined()) arena.exchange_average();
}

}  // namespace

void on_average(ParameterArena& arena, c10::function_ref<void()> work) {
  exchange(arena);
  try {
    work();
  } catch (...) {
    exchange(arena);
    throw;
  }
  exchange(arena);
}

void start_from_average(ParameterArena& arena) {
  if (!arena.average().defined()) return;
  const c10::InferenceMode inference_mode;
  arena.weights().copy_(arena.average());
  arena.refresh_shadow();
}

}  // namespace pals
