#include "train/batch_source.h"

#include <utility>

namespace pals {

BatchSource::BatchSource(const RunPlan& plan, std::vector<FeaturesFuture> features,
                         TrainingLoaderOptions options, SamplerLife life)
    : plan_(plan),
      features_(std::move(features)),
      options_(std::move(options)),
      life_(life),
      next_step_(options_.first_step) {
  options_.last_step = options_.first_step;
}

TrainingBatch BatchSource::next() {
  if (next_step_ == options_.last_step) {
    const StepPlan& steps = plan_.steps;
    options_.first_step = next_step_;
    options_.last_step =
        life_ == SamplerLife::kEpoch ? steps.epoch_end(next_step_) : steps.total_steps;
    loader_.emplace(features_, plan_.sampler, options_);
  }
  ++next_step_;
  return loader_->next();
}

}  // namespace pals
