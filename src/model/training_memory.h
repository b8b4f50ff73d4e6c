// What training takes of a device's memory: the model's state exactly, a batch's as an estimate.
#pragma once

#include <cstdint>
#include <string>

#include "model/multi_task_model.h"

namespace pals {

/// Bytes.
struct TrainingMemory {
  int64_t weights = 0, shadow = 0, gradients = 0, moments = 0;
  int64_t average = 0;  ///< of the weights, where the arena keeps it
  int64_t tokens = 0;   ///< of the batch
  int64_t batch = 0;    ///< an estimate: what forward keeps for backward, and what either works on

  int64_t model() const { return weights + shadow + gradients + moments + average; }
};

/// Of a training step on one batch of so many tokens.
TrainingMemory training_memory(const MultiTaskModel& model, int64_t tokens);

/// Bytes for people: "1.25 GB".
std::string gigabytes(int64_t bytes);

/// The same in words, beside what the device has free, and what a user can do about it.
std::string memory_text(const TrainingMemory& memory, const MultiTaskModel& model);

}  // namespace pals
