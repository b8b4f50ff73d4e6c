// A model that takes training steps, for timings.
#pragma once

#include "dist/world.h"
#include "measure/batch_list.h"
#include "model/multi_task_model.h"
#include "train/data_parallel.h"
#include "train/optimizer.h"

namespace pals {

/// What a model for timings is. Its weights are random: they do not change the time.
struct MeasuredModel {
  BertConfig bert;
  std::vector<AdapterConfig> adapters;  ///< [K], resolved
  std::vector<HeadSpec> heads;          ///< [K]
  at::Device device = at::kCPU;
};

/// The heads of the rows' tasks.
std::vector<HeadSpec> heads_of(const std::vector<TaskRows>& rows);

/// A model with random weights that do not depend on anything but the sizes.
MultiTaskModel make_measured_model(const MeasuredModel& model, const Precision& precision,
                                   Frozen frozen = Frozen::kNothing);

/// The same for prediction: weights are packed at their first use.
MultiTaskModel make_prediction_model(const MeasuredModel& model, const Precision& precision);

/// Our side of a comparison of training steps.
class TrainingSide {
 public:
  TrainingSide(const MeasuredModel& model, const Precision& precision,
               Frozen frozen = Frozen::kNothing);

  /// A whole step on the batch's first task, as the trainer takes it (DataParallel::take_step). Its
  /// number in the schedule is `step`. Returns the loss, on the device.
  at::Tensor step(const PackedBatch& batch, int64_t step);

  /// Whether steps on a device other than the CPU are recorded (MultiTaskModel::set_recording).
  void set_recording(bool on) { model_.set_recording(on); }

  /// The base learning rate of that step.
  static double learning_rate(int64_t step);
  /// A step in the middle of the schedule, to count from.
  static constexpr int64_t kFirstStep = 30000;

 private:
  World world_;
  MultiTaskModel model_;
  Optimizer optimizer_;
  DataParallel parallel_;
};

}  // namespace pals
