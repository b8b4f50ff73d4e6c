// Where the steps of a run get their batches.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "data/loader.h"
#include "train/plan.h"

namespace pals {

/// How long the odds of tasks stay what they are: --sample auto knows those of an epoch once it
/// begins.
enum class SamplerLife { kRun, kEpoch };

/// The batches of a run, from options.first_step to its last, which is the plan's.
class BatchSource {
 public:
  /// `plan` outlives it; its sampler is read when an epoch begins.
  BatchSource(const RunPlan& plan, std::vector<FeaturesFuture> features,
              TrainingLoaderOptions options, SamplerLife life);

  TrainingBatch next();

 private:
  const RunPlan& plan_;
  std::vector<FeaturesFuture> features_;
  TrainingLoaderOptions options_;
  SamplerLife life_;
  int64_t next_step_;
  std::optional<TrainingLoader> loader_;
};

}  // namespace pals
