#include "train/run_length.h"

namespace pals {

void save_length(const RunLength& length, Json& state) {
  state["step"] = length.step;
  state["total_steps"] = length.total_steps;
  state["steps_per_epoch"] = length.steps_per_epoch;
  if (length.extended_at > 0) state["extended_at"] = length.extended_at;
}

std::optional<RunLength> length_of(const Json& state) {
  RunLength length;
  for (const auto& [key, number] :
       {std::pair{"step", &length.step}, std::pair{"total_steps", &length.total_steps},
        std::pair{"steps_per_epoch", &length.steps_per_epoch}}) {
    const auto found = state.is_object() ? state.find(key) : state.end();
    if (found == state.end() || !found->is_number_unsigned()) return std::nullopt;
    *number = found->get<int64_t>();
  }
  const auto extended = state.find("extended_at");
  if (extended != state.end()) {
    if (!extended->is_number_unsigned()) return std::nullopt;
    length.extended_at = extended->get<int64_t>();
  }
  const bool sound = length.extended_at >= 0 && length.extended_at <= length.step &&
                     length.step >= 0 && length.step <= length.total_steps &&
                     length.steps_per_epoch >= 1;
  return sound ? std::optional(length) : std::nullopt;
}

bool lengthens(const TrainOptions& options, const std::optional<RunLength>& length) {
  return length && length->finished() && options.polish_epochs == 0 &&
         options.max_steps > length->total_steps;
}

}  // namespace pals
