#include "predict/pooling.h"

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr double kSmallestNorm = 1e-12;  // a zero vector stays one

at::Tensor pool_tokens(const PackedBatch& batch, const at::Tensor& tokens, Pooling pooling) {
  at::Tensor vectors =
      at::empty({batch.num_rows(), tokens.size(1)}, tokens.options().dtype(at::kFloat));
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    const int64_t first = batch.cu_seqlens[static_cast<size_t>(row)];
    const int64_t length = batch.cu_seqlens[static_cast<size_t>(row) + 1] - first;
    const at::Tensor own = tokens.narrow(0, first, pooling == Pooling::kCls ? 1 : length)
                               .to(at::kFloat);  // [tokens of the row, H]
    vectors.select(0, row).copy_(pooling == Pooling::kMax ? own.amax(0) : own.mean(0));
  }
  return vectors;
}

}  // namespace

Pooling parse_pooling(const std::string& name) {
  if (name == "cls") return Pooling::kCls;
  if (name == "mean") return Pooling::kMean;
  if (name == "max") return Pooling::kMax;
  if (name == "pooled") return Pooling::kPooled;
  fail_usage("--pooling: ", quote(name), " is unknown, expected cls, mean, max or pooled");
}

at::Tensor pool(const PackedBatch& batch, const MultiTaskModel::Output& output, Pooling pooling,
                bool normalize) {
  at::Tensor vectors = pooling == Pooling::kPooled
                           ? output.pooled.to(at::kFloat)
                           : pool_tokens(batch, output.encoder_layers.back(), pooling);
  if (normalize) vectors = vectors / vectors.norm(2, 1, true).clamp_min(kSmallestNorm);
  return vectors.contiguous().cpu();
}

}  // namespace pals
