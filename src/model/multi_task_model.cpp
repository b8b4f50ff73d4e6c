#include "model/multi_task_model.h"

#include <c10/core/InferenceMode.h>

namespace pals {
namespace {

at::Tensor rows_of(const at::Tensor& x, const Segment& segment) {
  return x.narrow(0, segment.first_row, segment.last_row - segment.first_row);
}

Loss segment_loss(const PackedBatch& batch, const Segment& segment, const Classifier& head,
                  const at::Tensor& logits, double scale) {
  const auto first = static_cast<size_t>(segment.first_row);
  return head.regression() ? squared_error(logits, batch.values.data() + first, scale)
                           : cross_entropy(logits, batch.labels.data() + first, scale);
}

}  // namespace

std::vector<HeadSpec> head_specs(const std::vector<Task>& tasks) {
  std::vector<HeadSpec> specs;
  for (const Task& task : tasks) {
    specs.push_back({task.num_outputs(), task.kind == TaskKind::kRegression});
  }
  return specs;
}

MultiTaskModel::MultiTaskModel(const BertConfig& bert, const AdapterConfig& adapter,
                               const std::vector<HeadSpec>& heads, at::ScalarType compute_type,
                               bool freeze)
    : bert_(bert), adapter_(adapter), encoder_(table_, bert) {
  if (!adapter.task_pooler) poolers_.emplace_back(table_, "", bert.hidden_size, kSharedOwner);
  for (size_t i = 0; i < heads.size(); ++i) {
    const int task = static_cast<int>(i);
    const std::string prefix = "tasks." + std::to_string(task) + ".";
    adapters_.push_back(build_adapter(table_, task, bert, adapter));
    if (adapter.task_pooler) poolers_.emplace_back(table_, prefix, bert.hidden_size, task);
    heads_.emplace_back(table_, prefix, bert.hidden_size, heads[i].num_outputs, heads[i].regression,
                        task);
  }
  if (freeze) table_.freeze_shared();
  table_.lay_out();
  arena_ = std::make_unique<ParameterArena>(table_, compute_type);
}

const Pooler& MultiTaskModel::pooler(int task) const {
  return poolers_.size() == 1 ? poolers_.front() : poolers_[static_cast<size_t>(task)];
}

at::Tensor MultiTaskModel::first_tokens(const PackedBatch& batch) const {
  at::Tensor first = at::empty({batch.num_rows()}, at::kLong);
  std::copy(batch.cu_seqlens.begin(), batch.cu_seqlens.end() - 1, first.data_ptr<int64_t>());
  return first;
}

void MultiTaskModel::set_dropout(double p) {
  bert_.hidden_dropout_prob = p;
  bert_.attention_probs_dropout_prob = p;
}

MultiTaskModel::Output MultiTaskModel::forward(const PackedBatch& batch, bool keep_layers) const {
  const c10::InferenceMode inference_mode;  // no autograd: backward is written out
  const BatchTensors tensors(batch);
  const Pass pass{*arena_, arena_->compute_type(), tensors.rows, {}, nullptr};
  AdapterHooks hooks(adapters_, batch.segments, encoder_.num_layers());

  Output output;
  const at::Tensor h = encoder_.forward(pass, tensors, &hooks, [&](int, const at::Tensor& y) {
    if (keep_layers) output.encoder_layers.push_back(y);
  });
  const at::Tensor first = h.index_select(0, first_tokens(batch));  // [B, H]
  output.pooled = pass.empty(first.sizes());
  for (const Segment& segment : batch.segments) {
    const at::Tensor pooled = pooler(segment.task).forward(pass, rows_of(first, segment));
    rows_of(output.pooled, segment).copy_(pooled);
    output.logits.push_back(heads_[static_cast<size_t>(segment.task)].forward(pass, pooled, {}));
  }
  return output;
}

std::vector<double> MultiTaskModel::row_losses(const PackedBatch& batch,
                                               const Output& output) const {
  const c10::InferenceMode inference_mode;
  std::vector<double> losses;
  for (size_t i = 0; i < batch.segments.size(); ++i) {
    const Segment& segment = batch.segments[i];
    const Loss loss = segment_loss(batch, segment, heads_[static_cast<size_t>(segment.task)],
                                   output.logits[i], 1.0);
    losses.insert(losses.end(), loss.rows.begin(), loss.rows.end());
  }
  return losses;
}

double MultiTaskModel::train(const PackedBatch& batch, const TrainingStep& step) {
  const c10::InferenceMode inference_mode;  // no autograd: backward is written out
  const BatchTensors tensors(batch);
  Tape tape;
  const DropoutState dropout{static_cast<float>(bert_.hidden_dropout_prob),
                             static_cast<float>(bert_.attention_probs_dropout_prob), step.seed,
                             step.step};
  const Pass pass{*arena_, arena_->compute_type(), tensors.rows, dropout, &tape};
  AdapterHooks hooks(adapters_, batch.segments, encoder_.num_layers());

  const at::Tensor h = encoder_.forward(pass, tensors, &hooks);
  const at::Tensor positions = first_tokens(batch);
  const at::Tensor first = h.index_select(0, positions);                       // [B, H]
  const at::Tensor keys = tensors.rows.token_keys.index_select(0, positions);  // [B]

  const double scale = 1.0 / static_cast<double>(step.rows);
  double loss_sum = 0.0;
  at::Tensor d_first = pass.empty(first.sizes());
  for (const Segment& segment : batch.segments) {
    const Classifier& head = heads_[static_cast<size_t>(segment.task)];
    const Pooler& segment_pooler = pooler(segment.task);
    const at::Tensor segment_keys = rows_of(keys, segment);
    const at::Tensor pooled = segment_pooler.forward(pass, rows_of(first, segment));
    const at::Tensor logits = head.forward(pass, pooled, segment_keys);
    const Loss loss = segment_loss(batch, segment, head, logits, scale);
    for (const double row : loss.rows) loss_sum += row;
    const at::Tensor d_pooled = head.backward(pass, loss.d_logits, segment_keys);
    rows_of(d_first, segment).copy_(segment_pooler.backward(pass, d_pooled));
  }
  at::Tensor dh = at::zeros(h.sizes(), pass.type);
  dh.index_copy_(0, positions, d_first);
  encoder_.backward(pass, tensors, dh, &hooks);
  return loss_sum * scale;
}

}  // namespace pals
