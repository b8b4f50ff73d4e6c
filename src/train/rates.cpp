#include "train/rates.h"

#include <algorithm>

#include "base/log.h"

namespace pals {
namespace {

constexpr double kSplitLearningRate = 3e-4;  // reference: --optim split

}  // namespace

OptimizerOptions optimizer_options(const TrainOptions& o) {
  const double adapters = o.adapter_learning_rate.value_or(o.learning_rate);
  return {
      .learning_rate = o.learning_rate,
      .attention_learning_rate = o.optim == LearningRates::kSplit ? kSplitLearningRate : adapters,
      .adapter_learning_rate = o.adapter_learning_rate,
      .head_learning_rate = o.head_learning_rate,
      .layer_decay = o.layer_decay,
      .warmup_proportion = o.warmup_proportion,
      .bias_correction = o.bias_correction,
      .schedule = o.schedule};
}

void warn_of_idle_rates(const TrainOptions& options, const ParameterTable& table) {
  const auto is_of_adapter = [](const Parameter& row) {
    return row.group == LearningRateGroup::kAdapter ||
           row.group == LearningRateGroup::kAttentionAdapter;
  };
  if (!options.do_train || !options.adapter_learning_rate ||
      std::ranges::any_of(table.rows(), is_of_adapter)) {
    return;
  }
  log_warning("--adapter_learning_rate changes nothing: no task has an adapter");
}

}  // namespace pals
