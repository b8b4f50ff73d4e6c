// How long the run in a folder was to be, and whether it may become longer.
#pragma once

#include <cstdint>
#include <optional>

#include "base/json.h"
#include "settings/train_options.h"

namespace pals {

/// As a checkpoint says.
struct RunLength {
  int64_t step = 0;  ///< that it was written after
  int64_t total_steps = 0;
  int64_t steps_per_epoch = 0;
  int64_t extended_at = 0;  ///< the step at which it became longer the last time; 0: it did not

  bool finished() const { return step == total_steps; }
};

/// As parts of a checkpoint's state. length_of() gives nothing for a state without them, which
/// earlier versions wrote, and for null.
void save_length(const RunLength& length, Json& state);
std::optional<RunLength> length_of(const Json& state);

/// Whether --max_steps asks for more steps than a finished run of that length had. One that has
/// polished (--polish_epochs) does not become longer.
bool lengthens(const TrainOptions& options, const std::optional<RunLength>& length);

}  // namespace pals
