// The flags by which a training run departs from the reference's recipe (docs/recipes.md).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "options/option.h"

namespace pals {

/// As they stand here all is as the reference has it.
struct RecipeFlags {
  std::optional<double> sample_alpha;  ///< of --sample temperature and auto; not given: 0.5
  std::optional<int64_t> sample_cap;   ///< of the same, in rows; not given: all rows count
  double min_share = 0.0;              ///< of each task in the steps
  std::optional<double> adapter_learning_rate, head_learning_rate;  ///< not given: as all else
  double layer_decay = 1.0;   ///< of the rate from each layer of the encoder to the one below
  double ema = 0.0;           ///< the decay of the weights' average; 0: there is none
  int64_t polish_epochs = 0;  ///< passes over all tasks' rows in a second phase
};

/// One row for each, which fills `flags` (it must outlive the rows).
std::vector<Option> recipe_options(RecipeFlags& flags);

struct TrainOptions;

/// UsageError for flags of a recipe that would change nothing beside the others, or contradict
/// them.
void check_recipe(const TrainOptions& options);

}  // namespace pals
