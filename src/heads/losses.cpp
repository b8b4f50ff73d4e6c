#include "heads/losses.h"

#include <algorithm>
#include <limits>

namespace pals {
namespace {

/// Logits that share one softmax: `size` of them from the first-th on, `stride` apart.
struct Group {
  int64_t first, size, stride;
  int64_t chosen;
  double weight;
};

LossTargets group_targets(const std::vector<Group>& groups, int64_t num_logits, Upload& upload) {
  int64_t widest = 1;
  for (const Group& group : groups) widest = std::max(widest, group.size);
  std::vector<int64_t> members, chosen;
  std::vector<double> weights;
  for (const Group& group : groups) {
    for (int64_t i = 0; i < widest; ++i) {
      members.push_back(i < group.size ? group.first + i * group.stride : num_logits);
    }
    chosen.push_back(group.chosen);
    weights.push_back(group.weight);
  }
  LossTargets targets;
  targets.members = upload.add(members).view({-1, widest});
  targets.chosen = upload.add(chosen).unsqueeze(1);
  targets.weights = upload.add(weights).unsqueeze(1);
  return targets;
}

/// The examples of a segment, each with its target and its rows, counted from the segment's first.
template <typename Function>
void for_each_example(const PackedBatch& batch, const Segment& segment, const Function& function) {
  for (int64_t g = segment.first_example; g < segment.last_example; ++g) {
    const auto i = static_cast<size_t>(g);
    const int64_t first = batch.group_offsets[i] - segment.first_row;
    const int64_t last = batch.group_offsets[i + 1] - segment.first_row;
    function(batch.targets[i], first, last);
  }
}

int64_t num_rows(const Segment& segment) { return segment.last_row - segment.first_row; }

Loss squared_errors(const at::Tensor& logits, const at::Tensor& values, double scale) {
  const at::Tensor difference = logits.flatten().to(at::kDouble) - values;
  return {difference * difference,
          (difference * (2.0 * scale)).to(at::kFloat).view(logits.sizes())};
}

}  // namespace

LossTargets class_targets(const PackedBatch& batch, const Segment& segment, int64_t classes,
                          Upload& upload) {
  std::vector<Group> groups;
  for_each_example(batch, segment, [&](const Target& target, int64_t row, int64_t) {
    TORCH_CHECK(target.label >= 0 && target.label < classes, "label ", target.label, " of ",
                classes, " classes");
    groups.push_back({row * classes, classes, 1, target.label, 1.0});
  });
  return group_targets(groups, num_rows(segment) * classes, upload);
}

LossTargets value_targets(const PackedBatch& batch, const Segment& segment, Upload& upload) {
  std::vector<double> values;
  for_each_example(batch, segment, [&](const Target& target, int64_t, int64_t) {
    values.push_back(static_cast<double>(target.value));
  });
  LossTargets targets;
  targets.values = upload.add(values);
  return targets;
}

LossTargets choice_targets(const PackedBatch& batch, const Segment& segment, Upload& upload) {
  std::vector<Group> groups;
  for_each_example(batch, segment, [&](const Target& target, int64_t first, int64_t last) {
    TORCH_CHECK(target.label >= 0 && target.label < last - first, "label ", target.label, " of ",
                last - first, " choices");
    groups.push_back({first, last - first, 1, target.label, 1.0});
  });
  return group_targets(groups, num_rows(segment), upload);
}

LossTargets span_targets(const PackedBatch& batch, const Segment& segment, Upload& upload) {
  std::vector<Group> groups;
  for_each_example(batch, segment, [&](const Target& target, int64_t row, int64_t) {
    const auto r = static_cast<size_t>(segment.first_row + row);
    const int64_t first = batch.cu_seqlens[r] - segment.first_token;
    const int64_t length = batch.cu_seqlens[r + 1] - batch.cu_seqlens[r];
    for (const auto& [column, position] : {std::pair(0, target.start), std::pair(1, target.end)}) {
      const bool in_row = position >= 0 && position < length;
      groups.push_back({2 * first + column, length, 2, in_row ? position : 0, in_row ? 0.5 : 0.0});
    }
  });
  LossTargets targets =
      group_targets(groups, 2 * (segment.last_token - segment.first_token), upload);
  targets.groups_per_example = 2;
  return targets;
}

Loss compute_loss(const at::Tensor& logits, const LossTargets& targets, double scale) {
  if (targets.values.defined()) return squared_errors(logits, targets.values, scale);
  const int64_t numel = logits.numel();
  // One more logit, of probability 0, for groups that are smaller than the widest.
  const at::Tensor flat = at::constant_pad_nd(logits.flatten().to(at::kDouble), {0, 1},
                                              -std::numeric_limits<double>::infinity());
  const at::Tensor members = targets.members.flatten();
  const at::Tensor log_probabilities =  // [G, W]
      at::log_softmax(flat.index_select(0, members).view(targets.members.sizes()), 1);
  const at::Tensor losses =
      -log_probabilities.gather(1, targets.chosen) * targets.weights;  // [G, 1]
  at::Tensor gradient = log_probabilities.exp();
  gradient.scatter_add_(1, targets.chosen, at::full_like(losses, -1.0));
  gradient.mul_(targets.weights * scale);
  // Each logit is in one group; what falls to the one more is 0.
  at::Tensor d_flat = at::zeros_like(flat);
  d_flat.index_copy_(0, members, gradient.flatten());
  return {losses.view({-1, targets.groups_per_example}).sum(1),
          d_flat.narrow(0, 0, numel).to(at::kFloat).view(logits.sizes())};
}

}  // namespace pals
