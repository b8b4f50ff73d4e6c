#include "model/multi_task_model.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "base/error.h"

namespace pals {
namespace {

at::Tensor rows_of(const at::Tensor& x, const Segment& segment) {
  return x.narrow(0, segment.first_row, segment.last_row - segment.first_row);
}

}  // namespace

std::vector<HeadSpec> head_specs(const std::vector<Task>& tasks) {
  std::vector<HeadSpec> specs;
  for (const Task& task : tasks) {
    specs.push_back({task.kind, task.num_outputs()});
  }
  return specs;
}

MultiTaskModel::MultiTaskModel(const BertConfig& bert, const AdapterConfig& adapter,
                               const std::vector<HeadSpec>& heads, const Precision& precision,
                               bool freeze)
    : bert_(bert), adapter_(adapter), encoder_(table_, bert) {
  if (!adapter.task_pooler) poolers_.emplace_back(table_, "", bert.hidden_size, kSharedOwner);
  for (size_t i = 0; i < heads.size(); ++i) {
    const int task = static_cast<int>(i);
    const std::string prefix = "tasks." + std::to_string(task) + ".";
    adapters_.push_back(build_adapter(table_, task, bert, adapter));
    if (adapter.task_pooler) poolers_.emplace_back(table_, prefix, bert.hidden_size, task);
    heads_.emplace_back(table_, prefix, bert.hidden_size, heads[i], task);
  }
  if (freeze) table_.freeze_shared();
  table_.lay_out();
  arena_ = std::make_unique<ParameterArena>(table_, precision.type);
  if (precision.int8) int8_ = std::make_unique<Int8Weights>();
}

const Pooler& MultiTaskModel::pooler(int task) const {
  return poolers_.size() == 1 ? poolers_.front() : poolers_[static_cast<size_t>(task)];
}

AttentionRows MultiTaskModel::rows_read(const BatchTensors& tensors,
                                        const PackedBatch& batch) const {
  const auto reads_tokens = [&](const Segment& segment) {
    return head(segment.task).reads_tokens();
  };
  AttentionRows rows = tensors.rows;
  if (std::all_of(batch.segments.begin(), batch.segments.end(), reads_tokens)) return rows;
  rows.cu_queries = at::zeros({batch.num_rows() + 1}, at::kInt);
  auto* cu_queries = rows.cu_queries.mutable_data_ptr<int32_t>();
  std::vector<int32_t> keys;
  const auto* token_keys = rows.token_keys.const_data_ptr<int32_t>();
  for (const Segment& segment : batch.segments) {
    for (int64_t row = segment.first_row; row < segment.last_row; ++row) {
      const int32_t* cu = &batch.cu_seqlens[static_cast<size_t>(row)];
      const int32_t count = reads_tokens(segment) ? cu[1] - cu[0] : 1;
      cu_queries[row + 1] = cu_queries[row] + count;
      keys.insert(keys.end(), token_keys + cu[0], token_keys + cu[0] + count);
    }
  }
  rows.query_keys = at::tensor(keys, at::kInt);
  return rows;
}

at::Tensor MultiTaskModel::first_queries(const Pass& pass) const {
  const at::Tensor& offsets = pass.narrowed() ? pass.rows.cu_queries : pass.rows.cu_seqlens;
  return offsets.narrow(0, 0, offsets.numel() - 1).to(at::kLong);
}

void MultiTaskModel::set_dropout(double p) {
  bert_.hidden_dropout_prob = p;
  bert_.attention_probs_dropout_prob = p;
}

void MultiTaskModel::pack_weights() {
  if (PackedWeights::supported(arena_->compute_type())) {
    packed_ = std::make_unique<PackedWeights>();
  }
}

MultiTaskModel::Output MultiTaskModel::forward(const PackedBatch& batch, bool keep_layers) const {
  const c10::InferenceMode inference_mode;  // no autograd: backward is written out
  const BatchTensors tensors(batch);
  const Pass pass{*arena_,
                  arena_->compute_type(),
                  keep_layers ? tensors.rows : rows_read(tensors, batch),
                  {},
                  nullptr,
                  int8_.get(),
                  packed_.get()};
  AdapterHooks hooks(adapters_, batch.segments, encoder_.num_layers());

  Output output;
  const at::Tensor h = encoder_.forward(pass, tensors, &hooks, [&](int, const at::Tensor& y) {
    if (keep_layers) output.encoder_layers.push_back(y);
  });
  const at::Tensor first = h.index_select(0, first_queries(pass));  // [B, H]
  output.pooled = pass.empty(first.sizes());
  for (const Segment& segment : batch.segments) {
    const at::Tensor pooled = pooler(segment.task).forward(pass, rows_of(first, segment));
    rows_of(output.pooled, segment).copy_(pooled);
    const Head& head = heads_[static_cast<size_t>(segment.task)];
    output.logits.push_back(
        head.forward(pass, head.reads_tokens() ? pass.queries_of(h, segment) : pooled, {}));
  }
  return output;
}

std::vector<double> MultiTaskModel::example_losses(const PackedBatch& batch,
                                                   const Output& output) const {
  const c10::InferenceMode inference_mode;
  std::vector<double> losses;
  for (size_t i = 0; i < batch.segments.size(); ++i) {
    const Segment& segment = batch.segments[i];
    const Loss loss = head(segment.task).loss(output.logits[i], batch, segment, 1.0);
    losses.insert(losses.end(), loss.examples.begin(), loss.examples.end());
  }
  return losses;
}

double MultiTaskModel::train(const PackedBatch& batch, const TrainingStep& step,
                             const RangeComplete& complete) {
  TORCH_CHECK(int8_ == nullptr && packed_ == nullptr, "a model in int8 or with packed weights cannot train");
  const c10::InferenceMode inference_mode;  // no autograd: backward is written out
  const BatchTensors tensors(batch);
  Tape tape;
  const DropoutState dropout{static_cast<float>(bert_.hidden_dropout_prob),
                             static_cast<float>(bert_.attention_probs_dropout_prob), step.seed,
                             step.step};
  const Pass pass{*arena_,
                  arena_->compute_type(),
                  rows_read(tensors, batch),
                  dropout,
                  &tape,
                  nullptr,
                  nullptr,
                  recompute_};
  AdapterHooks hooks(adapters_, batch.segments, encoder_.num_layers());

  const at::Tensor h = encoder_.forward(pass, tensors, &hooks);
  const at::Tensor positions = first_queries(pass);
  const at::Tensor first = h.index_select(0, positions);  // [B, H]
  const at::Tensor keys =                                 // [B]
      pass.of_queries().rows.token_keys.index_select(0, positions);

  const double scale = 1.0 / static_cast<double>(step.examples);
  double loss_sum = 0.0;
  at::Tensor dh = at::zeros(h.sizes(), pass.type);
  for (const Segment& segment : batch.segments) {
    const Head& head = this->head(segment.task);
    const at::Tensor segment_keys = rows_of(keys, segment);
    const Pooler* segment_pooler = head.reads_tokens() ? nullptr : &pooler(segment.task);
    const at::Tensor x = segment_pooler == nullptr
                             ? pass.queries_of(h, segment)
                             : segment_pooler->forward(pass, rows_of(first, segment));
    const at::Tensor logits = head.forward(pass, x, segment_keys);
    const Loss loss = head.loss(logits, batch, segment, scale);
    for (const double example : loss.examples) loss_sum += example;
    const at::Tensor dx = head.backward(pass, loss.d_logits, segment_keys);
    if (segment_pooler == nullptr) {
      pass.queries_of(dh, segment).copy_(dx);
    } else {
      dh.index_copy_(0, rows_of(positions, segment), segment_pooler->backward(pass, dx));
    }
  }
  const std::vector<ArenaRange> ranges =
      complete ? gradient_ranges(batch.segments.back().task) : std::vector<ArenaRange>();
  auto range = ranges.begin();
  if (complete) complete(*range++);
  encoder_.backward(pass, tensors, dh, &hooks, [&](int) {
    if (complete) complete(*range++);
  });
  for (; range != ranges.end(); ++range) complete(*range);
  return loss_sum * scale;
}

std::vector<ArenaRange> MultiTaskModel::gradient_ranges(int task) const {
  const ParameterTable& table = arena_->table();
  const ArenaRange shared = table.range(kSharedOwner);
  std::vector<ArenaRange> layers;
  for (int i = 0; i < encoder_.num_layers(); ++i) {
    layers.push_back(table.range(concat("encoder.layer.", i, ".")));
  }
  // The shared part lies as the encoder runs: embeddings, layers, pooler.
  std::vector<ArenaRange> ranges = {{layers.back().end, shared.end}};
  ranges.insert(ranges.end(), layers.rbegin(), layers.rend());
  ranges.push_back({shared.begin, layers.front().begin});
  ranges.push_back(table.range(task));
  return ranges;
}

ParameterId MultiTaskModel::word_embeddings() const {
  return arena_->table().find("embeddings.word_embeddings.weight");
}

}  // namespace pals
