// What tests of other devices share: the devices, and a model that trains on one.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/device.h"
#include "model/test_models.h"
#include "simulated_device.h"
#include "train/data_parallel.h"

namespace pals::testing {

constexpr int64_t kSteps = 20;

inline bool has_gpu() { return !choose_device({}).is_cpu(); }

/// The simulated device, and the GPU where there is one.
inline std::vector<at::Device> devices() {
  std::vector<at::Device> all = {simulated_device()};
  if (has_gpu()) all.push_back(choose_device({DeviceType::kGpu}));
  return all;
}

/// How far losses may be from the CPU's: the simulated device computes on its kernels, in another
/// order at most; a GPU has its own, and small differences grow from step to step.
inline double tolerance_on(at::Device device, double simulated) {
  return device.is_cuda() ? std::max(1e-3, simulated) : simulated;
}

/// The largest difference of two tensors' elements, wherever they are.
inline double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a.cpu().to(at::kDouble) - b.cpu().to(at::kDouble)).abs().max().item<double>();
}

/// The same bits in weights, moments and shadow.
inline void expect_same_state(const ParameterArena& a, const ParameterArena& b) {
  EXPECT_TRUE(at::equal(a.weights().cpu(), b.weights().cpu()));
  EXPECT_TRUE(at::equal(a.first_moment().cpu(), b.first_moment().cpu()));
  EXPECT_TRUE(at::equal(a.second_moment().cpu(), b.second_moment().cpu()));
  if (a.shadow().defined()) {
    EXPECT_TRUE(at::equal(a.shadow().cpu(), b.shadow().cpu()));
  }
}

/// A model that takes steps on rows of all kinds of tasks, one task after the other.
class Training {
 public:
  Training(const AdapterConfig& adapter, const Precision& precision, Frozen frozen,
           at::Device device, bool records = false, World world = World())
      : Training(std::vector<AdapterConfig>(kTinyTasks, adapter), precision, frozen, device,
                 records, std::move(world)) {}
  Training(const std::vector<AdapterConfig>& adapters, const Precision& precision, Frozen frozen,
           at::Device device, bool records = false, World world = World(),
           const BertConfig& bert = tiny_bert())
      : world_(std::move(world)),
        model_(tiny_model(bert, adapters, precision, frozen, device)),
        optimizer_({.learning_rate = 1e-3,
                    .adapter_learning_rate = 5e-4,
                    .head_learning_rate = 8e-4,
                    .layer_decay = 0.9}),
        parallel_(world_, *model_, optimizer_, GradientType::kFloat, false) {
    model_->set_recording(records);
  }

  MultiTaskModel& model() { return *model_; }
  ParameterArena& arena() { return model_->arena(); }
  DataParallel& parallel() { return parallel_; }

  /// The losses of steps [first, last), of two batches each, or of one, after which the optimizer
  /// may be recorded with backward.
  enum class Way { kTwoBatches, kOneBatch, kOneBatchWithOptimizer };
  std::vector<double> run(int64_t first, int64_t last, Way way = Way::kTwoBatches) {
    std::vector<at::Tensor> sums;
    for (int64_t step = first; step < last; ++step) {
      TrainingBatch batch;
      batch.step = step;
      batch.task = static_cast<int>(step % kTinyTasks);
      batch.task_step = step / kTinyTasks;
      const auto rows = rows_of(tiny_rows(4, static_cast<uint64_t>(step)), batch.task);
      batch.micro_batches = {pack(rows)};
      if (way == Way::kTwoBatches) {
        batch.micro_batches = {pack({rows.begin(), rows.begin() + 2}),
                               pack({rows.begin() + 2, rows.end()})};
      }
      batch.num_examples = static_cast<int64_t>(rows.size());
      const StepPosition position{step, 2 * kSteps, batch.task_step};
      sums.push_back(parallel_.compute_gradients(
          batch, 42, way == Way::kOneBatchWithOptimizer ? &position : nullptr));
      parallel_.step(batch.task, position);
    }
    const at::Tensor all = parallel_.wait_for(sums);
    std::vector<double> losses;
    for (int64_t i = 0; i < all.size(0); ++i) losses.push_back(all[i][0].item<double>());
    return losses;
  }

 private:
  World world_;
  std::unique_ptr<MultiTaskModel> model_;
  Optimizer optimizer_;
  DataParallel parallel_;
};

}  // namespace pals::testing
