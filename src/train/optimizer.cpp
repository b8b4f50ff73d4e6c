#include "train/optimizer.h"

#include <algorithm>
#include <cmath>

#include "modules/update.h"

namespace pals {
namespace {

// What the rate is multiplied by after `steps` steps, this one included.
double correction(int64_t steps) {
  const BertAdam adam;
  const auto t = static_cast<double>(steps);
  return std::sqrt(1.0 - std::pow(static_cast<double>(adam.beta2), t)) /
         (1.0 - std::pow(static_cast<double>(adam.beta1), t));
}

}  // namespace

double Optimizer::learning_rate(int64_t step, int64_t total_steps) const {
  return options_.learning_rate *
         schedule_factor(options_.schedule, step, total_steps, options_.warmup_proportion);
}

double Optimizer::highest_rate(const Parameter& row, int depth) const {
  const double rate = options_.learning_rate;
  switch (row.group) {
    case LearningRateGroup::kAttentionAdapter:
      return options_.attention_learning_rate;
    case LearningRateGroup::kAdapter:
      return options_.adapter_learning_rate.value_or(rate);
    case LearningRateGroup::kHead:
      return options_.head_learning_rate.value_or(rate);
    case LearningRateGroup::kBase:
      break;
  }
  return row.depth < 0 ? rate : rate * std::pow(options_.layer_decay, depth - row.depth);
}

void Optimizer::step(ParameterArena& arena, int task, const StepPosition& position,
                     const at::Tensor* overflow) const {
  step(arena, task, position, {{0, arena.table().total()}}, overflow);
}

std::vector<AdamRange> Optimizer::ranges(const ParameterTable& table, int task,
                                         const StepPosition& position,
                                         const std::vector<ArenaRange>& within) const {
  const double factor = schedule_factor(options_.schedule, position.step, position.total_steps,
                                        options_.warmup_proportion);
  const bool corrects = options_.bias_correction;
  const double shared_correction = corrects ? correction(position.step + 1) : 1.0;
  const double task_correction = corrects ? correction(position.task_step + 1) : 1.0;
  int depth = 0;
  for (const Parameter& row : table.rows()) depth = std::max(depth, row.depth);
  std::vector<AdamRange> ranges;
  for (const Parameter& row : table.rows()) {
    if (!row.trainable || (row.owner != kSharedOwner && row.owner != task)) continue;
    const bool mine = std::any_of(within.begin(), within.end(), [&](const ArenaRange& range) {
      return row.offset >= range.begin && row.offset < range.end;
    });
    if (!mine) continue;
    const double rate = highest_rate(row, depth);
    // The decay is by the uncorrected rate.
    const double corrected = row.owner == kSharedOwner ? shared_correction : task_correction;
    const double decay = row.decay ? options_.weight_decay / corrected : 0.0;
    AdamRange range = {row.offset, row.numel, static_cast<float>(rate * factor * corrected),
                       static_cast<float>(decay)};
    range.shadow_shift = row.shadow_offset - row.offset;
    if (row.shadow_stride > 0) {
      range.columns = static_cast<int32_t>(row.shape.back());
      range.shadow_stride = static_cast<int32_t>(row.shadow_stride);
    }
    ranges.push_back(range);
  }
  return ranges;
}

void Optimizer::step(ParameterArena& arena, int task, const StepPosition& position,
                     const std::vector<ArenaRange>& within, const at::Tensor* overflow) const {
  const std::vector<AdamRange> own = ranges(arena.table(), task, position, within);
  BertAdam block = update_of(arena);
  block.ranges = own;
  if (overflow != nullptr) block.overflow = *overflow;
  bert_adam(block);
}

}  // namespace pals
