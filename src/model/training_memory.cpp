#include "model/training_memory.h"

#include "base/error.h"
#include "base/text_util.h"
#include "kernels/device.h"

namespace pals {

std::string gigabytes(int64_t bytes) {
  return concat(format_double(static_cast<double>(bytes) / 1e9, 2), " GB");
}

TrainingMemory training_memory(const MultiTaskModel& model, int64_t tokens) {
  const ParameterArena& arena = model.arena();
  const auto floats = static_cast<int64_t>(sizeof(float)) * arena.table().total();
  TrainingMemory memory{.weights = floats, .gradients = floats, .moments = 2 * floats};
  if (arena.shadow().defined()) {
    memory.shadow = static_cast<int64_t>(arena.shadow().nbytes());
  }
  if (arena.keeps_average()) memory.average = floats;
  memory.tokens = tokens;
  memory.batch = tokens * model.bytes_per_token();
  return memory;
}

std::string memory_text(const TrainingMemory& memory, const MultiTaskModel& model) {
  const AcceleratorInfo info = accelerator_of(model.device())->info(model.device().index());
  return concat(
      "training takes ", gigabytes(memory.model()), " for the model (weights ",
      gigabytes(memory.weights + memory.shadow), ", gradients ", gigabytes(memory.gradients),
      ", moments ", gigabytes(memory.moments),
      memory.average > 0 ? concat(", average ", gigabytes(memory.average)) : "", ") and about ",
      gigabytes(memory.batch), " for a batch of ", memory.tokens, " tokens; ",
      device_name(model.device()), " has ", gigabytes(info.free_memory), " of ",
      gigabytes(info.total_memory), " free",
      model.arena().training_ready() ? "" : " beside the weights",
      "; try a smaller --train_batch_size, more --gradient_accumulation_steps, a smaller ",
      "--max_seq_length, --recompute, --freeze or --no_graphs");
}

}  // namespace pals
