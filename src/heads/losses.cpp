#include "heads/losses.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pals {
namespace {

/// Logits that share one softmax: `size` of them, `stride` apart.
struct Run {
  const float* logits;
  float* gradient;
  int64_t size, stride;
};

/// The cross-entropy of a run against its element `target`; adds its gradient, times `scale`.
double cross_entropy(const Run& run, int64_t target, double scale) {
  const auto logit = [&run](int64_t i) { return static_cast<double>(run.logits[i * run.stride]); };
  double largest = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < run.size; ++i) largest = std::max(largest, logit(i));
  double sum = 0.0;
  for (int64_t i = 0; i < run.size; ++i) sum += std::exp(logit(i) - largest);
  for (int64_t i = 0; i < run.size; ++i) {
    const double probability = std::exp(logit(i) - largest) / sum;
    run.gradient[i * run.stride] +=
        static_cast<float>(scale * (probability - (i == target ? 1.0 : 0.0)));
  }
  return std::log(sum) + largest - logit(target);
}

/// The examples of a segment, each with its target and its first row, counted from the segment's.
template <typename Function>
void for_each_example(const PackedBatch& batch, const Segment& segment, const Function& function) {
  for (int64_t g = segment.first_example; g < segment.last_example; ++g) {
    const auto i = static_cast<size_t>(g);
    const int64_t first = batch.group_offsets[i] - segment.first_row;
    const int64_t last = batch.group_offsets[i + 1] - segment.first_row;
    function(batch.targets[i], first, last);
  }
}

Loss zero_loss(const at::Tensor& logits) {
  return {{}, at::zeros(logits.sizes(), logits.options())};
}

}  // namespace

Loss class_loss(const at::Tensor& logits, const PackedBatch& batch, const Segment& segment,
                double scale) {
  const at::Tensor values = logits.contiguous();
  const int64_t classes = values.size(1);
  Loss loss = zero_loss(values);
  for_each_example(batch, segment, [&](const Target& target, int64_t row, int64_t) {
    TORCH_CHECK(target.label >= 0 && target.label < classes, "label ", target.label, " of ",
                classes, " classes");
    const Run run{values.const_data_ptr<float>() + row * classes,
                  loss.d_logits.data_ptr<float>() + row * classes, classes, 1};
    loss.examples.push_back(cross_entropy(run, target.label, scale));
  });
  return loss;
}

Loss value_loss(const at::Tensor& logits, const PackedBatch& batch, const Segment& segment,
                double scale) {
  const at::Tensor values = logits.contiguous();
  Loss loss = zero_loss(values);
  for_each_example(batch, segment, [&](const Target& target, int64_t row, int64_t) {
    const double difference = static_cast<double>(values.const_data_ptr<float>()[row]) -
                              static_cast<double>(target.value);
    loss.examples.push_back(difference * difference);
    loss.d_logits.data_ptr<float>()[row] = static_cast<float>(2.0 * scale * difference);
  });
  return loss;
}

Loss choice_loss(const at::Tensor& logits, const PackedBatch& batch, const Segment& segment,
                 double scale) {
  const at::Tensor values = logits.contiguous();
  Loss loss = zero_loss(values);
  for_each_example(batch, segment, [&](const Target& target, int64_t first, int64_t last) {
    TORCH_CHECK(target.label >= 0 && target.label < last - first, "label ", target.label, " of ",
                last - first, " choices");
    const Run run{values.const_data_ptr<float>() + first, loss.d_logits.data_ptr<float>() + first,
                  last - first, 1};
    loss.examples.push_back(cross_entropy(run, target.label, scale));
  });
  return loss;
}

Loss span_loss(const at::Tensor& logits, const PackedBatch& batch, const Segment& segment,
               double scale) {
  const at::Tensor values = logits.contiguous();
  Loss loss = zero_loss(values);
  for_each_example(batch, segment, [&](const Target& target, int64_t row, int64_t) {
    const auto r = static_cast<size_t>(segment.first_row + row);
    const int64_t first = batch.cu_seqlens[r] - segment.first_token;
    const int64_t length = batch.cu_seqlens[r + 1] - batch.cu_seqlens[r];
    double sum = 0.0;
    for (const auto& [column, position] : {std::pair(0, target.start), std::pair(1, target.end)}) {
      if (position < 0 || position >= length) continue;
      const Run run{values.const_data_ptr<float>() + 2 * first + column,
                    loss.d_logits.data_ptr<float>() + 2 * first + column, length, 2};
      sum += cross_entropy(run, position, 0.5 * scale);
    }
    loss.examples.push_back(0.5 * sum);
  });
  return loss;
}

}  // namespace pals
