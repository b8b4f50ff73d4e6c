#include "heads/losses.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace pals {
namespace {

/// Rows of numbers [offsets[r], offsets[r + 1]) as a matrix, filled up with `none`.
at::Tensor upload_ranges(const std::vector<int64_t>& offsets, int64_t none, Upload& upload) {
  int64_t widest = 1;
  for (size_t r = 0; r + 1 < offsets.size(); ++r) {
    widest = std::max(widest, offsets[r + 1] - offsets[r]);
  }
  std::vector<int64_t> numbers;
  for (size_t r = 0; r + 1 < offsets.size(); ++r) {
    for (int64_t i = 0; i < widest; ++i) {
      numbers.push_back(offsets[r] + i < offsets[r + 1] ? offsets[r] + i : none);
    }
  }
  return upload.add(numbers).view({-1, widest});
}

/// What is taught of each group as a row of a matrix, filled up with zeros.
std::vector<double> padded_groups(const LossLayout& layout, int64_t widest) {
  std::vector<double> rows;
  auto next = layout.taught.begin();
  for (const LogitGroup& group : layout.groups) {
    rows.insert(rows.end(), next, next + group.size);
    next += group.size;
    rows.resize(rows.size() + static_cast<size_t>(widest - group.size), 0.0);
  }
  return rows;
}

LossTargets upload_groups(const LossLayout& layout, Upload& upload) {
  int64_t widest = 1;
  for (const LogitGroup& group : layout.groups) widest = std::max(widest, group.size);
  std::vector<int64_t> members, chosen;
  std::vector<double> weights;
  for (const LogitGroup& group : layout.groups) {
    for (int64_t i = 0; i < widest; ++i) {
      members.push_back(i < group.size ? group.first + i * group.stride : layout.num_logits);
    }
    chosen.push_back(group.chosen);
    weights.push_back(group.weight);
  }
  LossTargets targets;
  targets.members = upload.add(members).view({-1, widest});
  targets.chosen = upload.add(chosen).unsqueeze(1);
  targets.weights = upload.add(weights).unsqueeze(1);
  targets.smoothing = layout.smoothing;
  if (layout.teacher_weight > 0.0) {
    targets.taught = upload.add(padded_groups(layout, widest)).view({-1, widest});
    targets.teacher_weight = layout.teacher_weight;
  }
  targets.groups =
      upload_ranges(layout.example_groups, static_cast<int64_t>(layout.groups.size()), upload);
  return targets;
}

/// Of losses [N] of the logits [E, N / E] and their derivatives.
Loss sum_by_example(const at::Tensor& logits, const LossTargets& targets, const at::Tensor& losses,
                    const at::Tensor& derivatives, double scale) {
  return {(losses * targets.factors).view(logits.sizes()).sum(1),
          (derivatives * targets.factors * scale).to(at::kFloat).view(logits.sizes())};
}

Loss squared_errors(const at::Tensor& logits, const LossTargets& targets, double scale) {
  const at::Tensor difference = logits.flatten().to(at::kDouble) - targets.values;
  at::Tensor losses = difference * difference;
  if (targets.constants.defined()) losses += targets.constants;
  return sum_by_example(logits, targets, losses, difference * 2.0, scale);
}

/// -y log p - (1 - y) log(1 - p) for p = sigmoid(x): max(x, 0) - x y + log(1 + exp(-|x|)); -|x| =
/// min(x, -x).
Loss binary_cross_entropies(const at::Tensor& logits, const LossTargets& targets, double scale) {
  const at::Tensor x = logits.flatten().to(at::kDouble);
  const at::Tensor losses =
      x.clamp_min(0.0) - x * targets.values + at::log1p(at::exp(at::minimum(x, -x)));
  return sum_by_example(logits, targets, losses, at::sigmoid(x) - targets.values, scale);
}

Loss cross_entropies(const at::Tensor& logits, const LossTargets& targets, double scale) {
  const int64_t numel = logits.numel();
  // One more logit, of probability 0, for groups that are smaller than the widest.
  const at::Tensor flat = at::constant_pad_nd(logits.flatten().to(at::kDouble), {0, 1},
                                              -std::numeric_limits<double>::infinity());
  const at::Tensor members = targets.members.flatten();
  const at::Tensor log_probabilities =  // [G, W]
      at::log_softmax(flat.index_select(0, members).view(targets.members.sizes()), 1);
  at::Tensor losses = -log_probabilities.gather(1, targets.chosen);  // [G, 1]
  at::Tensor gradient = log_probabilities.exp();
  gradient.scatter_add_(1, targets.chosen, at::full_like(losses, targets.smoothing - 1.0));
  if (targets.smoothing > 0.0) {
    // Smoothed targets are classes, of which all groups have equally many.
    losses =
        losses * (1.0 - targets.smoothing) - log_probabilities.mean(1, true) * targets.smoothing;
    gradient.sub_(targets.smoothing / static_cast<double>(gradient.size(1)));
  }
  if (targets.taught.defined()) {
    const double w = targets.teacher_weight;
    // Where nothing is taught a logarithm may be that of 0.
    const at::Tensor soft = at::where(targets.taught > 0.0, targets.taught * log_probabilities,
                                      at::zeros_like(log_probabilities));
    losses = losses * (1.0 - w) - soft.sum(1, true) * w;
    gradient.mul_(1.0 - w).add_(log_probabilities.exp() - targets.taught, w);
  }
  losses = losses * targets.weights;
  gradient.mul_(targets.weights * scale);
  // Each logit is in one group; what falls to the one more is 0.
  at::Tensor d_flat = at::zeros_like(flat);
  d_flat.index_copy_(0, members, gradient.flatten());
  // One more group, of loss 0, for examples that have fewer than others.
  const at::Tensor padded = at::constant_pad_nd(losses.flatten(), {0, 1}, 0.0);
  return {padded.index_select(0, targets.groups.flatten()).view(targets.groups.sizes()).sum(1),
          d_flat.narrow(0, 0, numel).to(at::kFloat).view(logits.sizes())};
}

}  // namespace

void apply_settings(const LossSettings& settings, LossLayout& layout) {
  const std::vector<double>& classes = settings.class_weights;
  layout.smoothing = settings.label_smoothing;
  for (LogitGroup& group : layout.groups) {
    group.weight *= settings.weight;
    if (!classes.empty()) group.weight *= classes.at(static_cast<size_t>(group.chosen));
  }
  for (size_t i = 0; i < layout.weights.size(); ++i) {
    layout.weights[i] *= settings.weight;
    if (!classes.empty())
      layout.weights[i] *= classes.at(static_cast<size_t>(layout.classes.at(i)));
    if (settings.label_smoothing > 0.0) {  // towards as likely as not
      layout.values[i] += (0.5 - layout.values[i]) * settings.label_smoothing;
    }
  }
}

LossTargets upload_layout(const LossLayout& layout, Upload& upload) {
  LossTargets targets;
  switch (layout.function) {
    case LossFunction::kCrossEntropy:
      targets = upload_groups(layout, upload);
      break;
    case LossFunction::kSquaredError:
    case LossFunction::kBinaryCrossEntropy:
      targets.values = upload.add(layout.values);
      targets.factors = upload.add(layout.weights);
      if (!layout.constants.empty()) targets.constants = upload.add(layout.constants);
      break;
  }
  targets.function = layout.function;
  return targets;
}

Loss compute_loss(const at::Tensor& logits, const LossTargets& targets, double scale) {
  switch (targets.function) {
    case LossFunction::kSquaredError:
      return squared_errors(logits, targets, scale);
    case LossFunction::kBinaryCrossEntropy:
      return binary_cross_entropies(logits, targets, scale);
    case LossFunction::kCrossEntropy:
      break;
  }
  return cross_entropies(logits, targets, scale);
}

}  // namespace pals
