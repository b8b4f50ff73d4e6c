// Sets of golden vectors (the reference's outputs) for tests.
#pragma once

#include <string>
#include <vector>

#include "batch/packed_batch.h"
#include "checkpoint/tensor_file.h"
#include "model/multi_task_model.h"

namespace pals {

/// Folders with config.json, weights.safetensors and reference.safetensors: the committed ones, and
/// all in PALS_REFERENCE_DIR if that is set (set but missing: a failure).
std::vector<std::string> reference_folders();

/// The same for sets of the reference's single-task classes.
std::vector<std::string> single_task_folders();

/// What the tests compute on: the device of that name in PALS_TEST_DEVICE, or the CPU.
at::Device test_device();

/// The tolerance there: that of the CPU, or on other devices ten times as much.
double golden_tolerance(double on_cpu);

/// The values of a tensor in a file, as a float tensor of its shape.
at::Tensor tensor_of(const TensorFile& file, const std::string& name);

/// A multi-task set, loaded: the model holds its weights.
struct ReferenceSet {
  explicit ReferenceSet(const std::string& folder, at::ScalarType type = at::kFloat);

  std::string folder;
  TensorFile weights, reference;
  std::vector<HeadSpec> heads;
  std::unique_ptr<MultiTaskModel> model;

  int num_tasks() const { return static_cast<int>(heads.size()); }
  /// The rows of task t, without their padding.
  PackedBatch batch(int task) const;
  at::Tensor expected(int task, const std::string& name) const;
  /// Rows of a padded [B, T, H] tensor laid end to end: [S, H].
  at::Tensor pack(int task, const at::Tensor& padded) const;
};

}  // namespace pals
