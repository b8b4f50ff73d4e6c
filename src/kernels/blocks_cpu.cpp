// Element-wise blocks, LayerNorm and sums on CPU kernels.
#include "kernels/backend.h"
#include "kernels/cpu_support.h"

namespace pals::cpu {

void bias_activation_forward(const BiasActivation& block) {
  const isa::BiasActivationArgs args = pack_forward(block);
  const auto kernel = kernels_for(block.u).bias_activation_forward;
  for_rows(block.u, [&](int64_t begin, int64_t end) { kernel(args, begin, end); });
}

void bias_activation_backward(const BiasActivation& block) {
  const isa::BiasActivationArgs args = pack_backward(block);
  const auto kernel = kernels_for(block.u).bias_activation_backward;
  PartialSums(block.u, {floats(block.bias_grad)})
      .gather(
          [&](int64_t begin, int64_t end, const auto& sums) { kernel(args, begin, end, sums(0)); });
}

void bias_dropout_forward(const BiasDropout& block) {
  if (!block.bias.defined() && !block.dropout.active()) return;
  const isa::BiasDropoutArgs args = pack_forward(block);
  const auto kernel = kernels_for(block.x).bias_dropout_forward;
  for_rows(block.x, [&](int64_t begin, int64_t end) { kernel(args, begin, end); });
}

void bias_dropout_backward(const BiasDropout& block) {
  const isa::BiasDropoutArgs args = pack_backward(block);
  const auto kernel = kernels_for(block.dy).bias_dropout_backward;
  PartialSums(block.dy, {floats(block.bias_grad)})
      .gather(
          [&](int64_t begin, int64_t end, const auto& sums) { kernel(args, begin, end, sums(0)); });
}

void add_layer_norm_forward(const AddLayerNorm& block) {
  const isa::LayerNormArgs args = pack(block);
  const auto kernel = kernels_for(block.z).layer_norm_forward;
  for_rows(block.z, [&](int64_t begin, int64_t end) { kernel(args, begin, end); });
}

void add_layer_norm_backward(const AddLayerNorm& block) {
  const isa::LayerNormArgs args = pack(block);
  const auto kernel = kernels_for(block.z).layer_norm_backward;
  PartialSums(block.z, {floats(block.gamma_grad), floats(block.beta_grad), floats(block.bias_grad)})
      .gather([&](int64_t begin, int64_t end, const auto& sums) {
        kernel(args, begin, end, sums(0), sums(1), sums(2));
      });
}

void add_column_sums(const ColumnSums& block) {
  const isa::Matrix x = matrix(block.x);
  const int64_t columns = block.x.size(1);
  const auto kernel = kernels_for(block.x).add_column_sums;
  PartialSums(block.x, {floats(block.sum)})
      .gather([&](int64_t begin, int64_t end, const auto& sums) {
        kernel(x, columns, begin, end, sums(0));
      });
}

void accumulate(const Accumulation& block) {
  const isa::Matrix x = matrix(block.x), target = matrix(block.target);
  const int64_t columns = block.x.size(1);
  const auto kernel = kernels_for(block.x).accumulate;
  for_rows(block.x, [&](int64_t begin, int64_t end) { kernel(x, target, columns, begin, end); });
}

void quantize_rows(const QuantizedRows& block) {
  const isa::QuantizeArgs args = pack(block);
  const auto kernel = kernels_for(block.x).quantize_rows;
  for_rows(block.x, [&](int64_t begin, int64_t end) { kernel(args, begin, end); });
}

void scale_rows(const ScaledRows& block) {
  const isa::QuantizeArgs args = pack(block);
  const auto kernel = kernels_for(block.x).scale_rows;
  for_rows(block.x, [&](int64_t begin, int64_t end) { kernel(args, begin, end); });
}

/// Layer by layer a processor is as fast (Backend::groups_dense).
void grouped_dense(const GroupedDense& block) { plain::grouped_dense(block); }

}  // namespace pals::cpu
