// A new task on a trained model, by the way of any training.
#pragma once

#include "settings/train_options.h"

namespace pals {

/// The options of a run that adds tasks to the model folder `options.init_checkpoint`: everything
/// shared and all of its tasks stay as they are, rows are as long as theirs. Throws Error if it is
/// no such folder.
TrainOptions options_to_add_task(TrainOptions options);

}  // namespace pals
