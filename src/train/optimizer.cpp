#include "train/optimizer.h"

#include "nn/blocks.h"

namespace pals {

double Optimizer::learning_rate(int64_t step, int64_t total_steps) const {
  return options_.learning_rate *
         schedule_factor(options_.schedule, step, total_steps, options_.warmup_proportion);
}

void Optimizer::step(ParameterArena& arena, int task, int64_t step, int64_t total_steps) const {
  const double factor =
      schedule_factor(options_.schedule, step, total_steps, options_.warmup_proportion);
  std::vector<AdamRange> ranges;
  for (const Parameter& row : arena.table().rows()) {
    if (!row.trainable || (row.owner != kSharedOwner && row.owner != task)) continue;
    const double rate = row.group == LearningRateGroup::kAttentionAdapter
                            ? options_.attention_learning_rate
                            : options_.learning_rate;
    ranges.push_back({row.offset, row.numel, static_cast<float>(rate * factor),
                      row.decay ? static_cast<float>(options_.weight_decay) : 0.0F});
  }
  bert_adam_step(ranges, BertAdamOptions{}, arena.weights(), arena.gradients(),
                 arena.first_moment(), arena.second_moment(), arena.shadow());
}

}  // namespace pals
