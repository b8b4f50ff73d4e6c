#include "model/model_runner.h"

#include <c10/core/InferenceMode.h>

#include <utility>

namespace pals {
namespace {

// B rows of S tokens together, H wide.

constexpr double kSmallestNorm = 1e-12;  // a zero vector stays one

std::vector<float> to_host(const at::Tensor& values) {
  const at::Tensor here = values.cpu().to(at::kFloat).contiguous();
  const float* first = here.const_data_ptr<float>();
  return {first, first + here.numel()};
}

/// The mean or the maximum [B, H] over each row's tokens [S, H].
at::Tensor pool_tokens(const PackedBatch& batch, const at::Tensor& tokens, Pooling pooling) {
  at::Tensor vectors =
      at::empty({batch.num_rows(), tokens.size(1)}, tokens.options().dtype(at::kFloat));
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    const int64_t first = batch.cu_seqlens[static_cast<size_t>(row)];
    const int64_t length = batch.cu_seqlens[static_cast<size_t>(row) + 1] - first;
    const at::Tensor own = tokens.narrow(0, first, length).to(at::kFloat);
    vectors.select(0, row).copy_(pooling == Pooling::kMax ? own.amax(0) : own.mean(0));
  }
  return vectors;
}

/// All heads' logits, copied to the host at once.
std::vector<HeadOutputs> head_outputs(const Runner& runner, const PackedBatch& batch,
                                      const Wanted& wanted, const std::vector<at::Tensor>& logits) {
  if (logits.empty()) return {};
  std::vector<at::Tensor> flat;
  for (const at::Tensor& part : logits) flat.push_back(part.flatten());
  const at::Tensor all = at::cat(flat).cpu();
  const float* from = all.const_data_ptr<float>();
  std::vector<HeadOutputs> heads;
  for (size_t s = 0; s < wanted.heads.size(); ++s) {
    const Segment& segment = batch.segments[s];
    for (const int task : wanted.heads[s]) {
      const HeadShape shape = runner.head_shape(task);
      HeadOutputs head{.task = task};
      for (int64_t row = segment.first_row; row < segment.last_row; ++row) {
        const int64_t tokens = batch.cu_seqlens[static_cast<size_t>(row) + 1];
        head.offsets.push_back(
            shape.size(row + 1 - segment.first_row, tokens - segment.first_token));
      }
      head.logits.assign(from, from + head.offsets.back());
      from += head.offsets.back();
      heads.push_back(std::move(head));
    }
  }
  return heads;
}

}  // namespace

at::Tensor pool(const PackedBatch& batch, const MultiTaskModel::Output& output,
                const VectorOptions& options) {
  at::Tensor vectors;
  if (options.pooling == Pooling::kPooled) {
    vectors = output.pooled.to(at::kFloat);
  } else if (options.pooling == Pooling::kCls) {
    vectors = output.first.to(at::kFloat);
  } else {
    vectors = pool_tokens(batch, output.tokens, options.pooling);
  }
  if (options.normalize) vectors = vectors / vectors.norm(2, 1, true).clamp_min(kSmallestNorm);
  return vectors;
}

HeadShape ModelRunner::head_shape(int task) const {
  const Head& head = model_.head(task);
  return {head.num_outputs(), head.reads_tokens()};
}

RunOutputs ModelRunner::run(const PackedBatch& batch, const Wanted& wanted) const {
  const c10::InferenceMode inference_mode;
  MultiTaskModel::Reading reading{.heads = wanted.heads, .layers = wanted.layers};
  if (wanted.vectors) {
    const Pooling pooling = wanted.vectors->pooling;
    reading.pooled = pooling == Pooling::kPooled;
    reading.tokens = pooling == Pooling::kMean || pooling == Pooling::kMax;
  }
  const MultiTaskModel::Output output = model_.forward(batch, reading);
  RunOutputs outputs;
  outputs.heads = head_outputs(*this, batch, wanted, output.logits);
  if (wanted.losses) outputs.losses = model_.example_losses(batch, output);
  if (wanted.vectors) outputs.vectors = to_host(pool(batch, output, *wanted.vectors));
  for (const at::Tensor& layer : output.encoder_layers) outputs.layers.push_back(to_host(layer));
  return outputs;
}

PredictingModel predicting_model(const LoadedModel& loaded, const Runner& runner) {
  return {runner, loaded.description.tasks, {*loaded.tokenizer, loaded.description.max_seq_length}};
}

}  // namespace pals
