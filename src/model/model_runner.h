// A model behind the interface that predictions stand on.
#pragma once

#include "model/multi_task_model.h"
#include "model/open.h"
#include "predict/predictor.h"
#include "predict/runner.h"

namespace pals {

/// Runs batches on a model, which must outlive it and keep its weights. Results are on the host.
class ModelRunner : public Runner {
 public:
  explicit ModelRunner(const MultiTaskModel& model) : model_(model) {}

  RunOutputs run(const PackedBatch& batch, const Wanted& wanted) const override;
  bool shares_trunk(int task, int other) const override { return model_.shares_trunk(task, other); }
  HeadShape head_shape(int task) const override;
  int64_t hidden_size() const override { return model_.bert_config().hidden_size; }

 private:
  const MultiTaskModel& model_;
};

/// A vector for each row, [B, H] fp32 on the device, of a pass that gave what the pooling reads
/// (Output::first, tokens or pooled).
at::Tensor pool(const PackedBatch& batch, const MultiTaskModel::Output& output,
                const VectorOptions& options);

/// A model folder and its runner, as a Predictor takes them; both must outlive the result.
PredictingModel predicting_model(const LoadedModel& loaded, const Runner& runner);

}  // namespace pals
