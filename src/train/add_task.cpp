#include "train/add_task.h"

#include "model/model_folder.h"

namespace pals {

TrainOptions options_to_add_task(TrainOptions options) {
  options.freeze_all = true;
  options.keep_tasks = true;
  options.max_seq_length = read_model_description(options.init_checkpoint).model.max_seq_length;
  return options;
}

}  // namespace pals
