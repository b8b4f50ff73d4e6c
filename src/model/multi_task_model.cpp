#include "model/multi_task_model.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "base/error.h"
#include "kinds/kind.h"

namespace pals {
namespace {

at::Tensor rows_of(const at::Tensor& x, const Segment& segment) {
  return x.narrow(0, segment.first_row, segment.last_row - segment.first_row);
}

}  // namespace

std::vector<HeadSpec> head_specs(const std::vector<Task>& tasks) {
  std::vector<HeadSpec> specs;
  for (const Task& task : tasks) {
    specs.push_back({task.kind, num_outputs(task)});
  }
  return specs;
}

MultiTaskModel::MultiTaskModel(const BertConfig& bert, const AdapterConfig& adapter,
                               const std::vector<HeadSpec>& heads, const Precision& precision,
                               bool freeze, at::Device device)
    : bert_(bert), adapter_(adapter), precision_(precision), encoder_(table_, bert) {
  if (!adapter.task_pooler) poolers_.emplace_back(table_, "", bert.hidden_size, kSharedOwner);
  for (size_t i = 0; i < heads.size(); ++i) {
    const int task = static_cast<int>(i);
    const std::string prefix = "tasks." + std::to_string(task) + ".";
    adapters_.push_back(build_adapter(table_, folded_table_, task, bert, adapter));
    if (adapter.task_pooler) poolers_.emplace_back(table_, prefix, bert.hidden_size, task);
    heads_.emplace_back(table_, prefix, bert.hidden_size, heads[i], task);
  }
  if (freeze) table_.freeze_shared();
  table_.lay_out();
  folded_table_.lay_out();
  arena_ = std::make_unique<ParameterArena>(table_, precision.type, device);
  if (precision.int8) int8_ = std::make_unique<Int8Weights>();
}

const Pooler& MultiTaskModel::pooler(int task) const {
  return poolers_.size() == 1 ? poolers_.front() : poolers_[static_cast<size_t>(task)];
}

ReadsTokens MultiTaskModel::reads_tokens() const {
  return [this](const Segment& segment) { return head(segment.task).reads_tokens(); };
}

void MultiTaskModel::set_dropout(double p) {
  bert_.hidden_dropout_prob = p;
  bert_.attention_probs_dropout_prob = p;
  recorded_.reset();  // its records have the old ones
}

void MultiTaskModel::set_recompute(bool on) {
  recompute_ = on;
  recorded_.reset();
}

void MultiTaskModel::set_recording(bool on) { records_ = on; }

std::vector<LossTargets> MultiTaskModel::loss_targets(const PackedBatch& batch,
                                                      Upload& upload) const {
  std::vector<LossTargets> targets;
  for (const Segment& segment : batch.segments) {
    targets.push_back(head(segment.task).loss_targets(batch, segment, upload));
  }
  return targets;
}

void MultiTaskModel::pack_weights() {
  if (device().is_cpu()) {
    if (PackedWeights::supported(precision_.type)) packed_ = std::make_unique<PackedWeights>();
    return;
  }
  if (folded_table_.total() == 0) return;
  folded_ = std::make_unique<ParameterArena>(folded_table_, precision_.type, device());
  for (const TaskAdapter& adapter : adapters_) adapter.fold(*arena_, *folded_);
  folded_->refresh_shadow();
}

MultiTaskModel::Output MultiTaskModel::forward(const PackedBatch& batch, bool keep_layers) const {
  Reading reading{.pooled = true};
  for (const Segment& segment : batch.segments) reading.heads.push_back({segment.task});
  for (int layer = 0; keep_layers && layer < encoder_.num_layers(); ++layer) {
    reading.layers.push_back(layer);
  }
  return forward(batch, reading);
}

MultiTaskModel::Output MultiTaskModel::forward(const PackedBatch& batch,
                                               const Reading& reading) const {
  const c10::InferenceMode inference_mode;  // no autograd: backward is written out
  use_fp32_products_of(precision_);
  const auto heads_of = [&](const Segment& segment) {
    const auto number = static_cast<size_t>(&segment - batch.segments.data());
    return reading.heads.empty() ? std::vector<int>() : reading.heads[number];
  };
  const auto reads_tokens = [&](const Segment& segment) {
    return std::ranges::any_of(heads_of(segment),
                               [this](int task) { return head(task).reads_tokens(); });
  };
  const bool all_tokens = reading.tokens || !reading.layers.empty();
  Upload upload(device(), upload_bytes(batch));
  const BatchTensors tensors(batch, upload, all_tokens ? ReadsTokens() : reads_tokens);
  upload.send();
  Pass pass{*arena_, precision_.type, tensors.rows, {}, nullptr, int8_.get(), packed_.get()};
  pass.folded = folded_.get();
  AdapterHooks hooks(adapters_, batch.segments, encoder_.num_layers());

  Output output;
  output.encoder_layers.resize(reading.layers.size());
  const at::Tensor h = encoder_.forward(pass, tensors, &hooks, [&](int layer, const at::Tensor& y) {
    for (size_t i = 0; i < reading.layers.size(); ++i) {
      if (reading.layers[i] == layer) output.encoder_layers[i] = y;
    }
  });
  if (reading.tokens) output.tokens = h;
  output.first = h.index_select(0, tensors.first_queries);  // [B, H]
  if (reading.pooled) output.pooled = pass.empty(output.first.sizes());
  for (const Segment& segment : batch.segments) {
    const std::vector<int> tasks = heads_of(segment);
    const bool reads_pooled =
        std::ranges::any_of(tasks, [this](int task) { return !head(task).reads_tokens(); });
    at::Tensor pooled;
    if (reading.pooled || reads_pooled) {
      pooled = pooler(segment.task).forward(pass, rows_of(output.first, segment));
    }
    if (reading.pooled) rows_of(output.pooled, segment).copy_(pooled);
    for (const int task : tasks) {
      const Head& head = this->head(task);
      output.logits.push_back(
          head.forward(pass, head.reads_tokens() ? pass.queries_of(h, segment) : pooled, {}));
    }
  }
  return output;
}

std::vector<double> MultiTaskModel::example_losses(const PackedBatch& batch,
                                                   const Output& output) const {
  const c10::InferenceMode inference_mode;
  Upload upload(device(), upload_bytes(batch));
  const std::vector<LossTargets> targets = loss_targets(batch, upload);
  upload.send();
  std::vector<at::Tensor> losses;
  for (size_t i = 0; i < targets.size(); ++i) {
    losses.push_back(compute_loss(output.logits[i], targets[i], 1.0).examples);
  }
  const at::Tensor all = at::cat(losses).cpu();
  const auto* first = all.const_data_ptr<double>();
  return {first, first + all.numel()};
}

DropoutState MultiTaskModel::dropout_state(const TrainingStep& step) const {
  return {static_cast<float>(bert_.hidden_dropout_prob),
          static_cast<float>(bert_.attention_probs_dropout_prob), step.seed, step.step};
}

Pass MultiTaskModel::training_pass(const BatchTensors& tensors, const TrainingStep& step,
                                   Tape& tape) const {
  Pass pass{*arena_, precision_.type, tensors.rows, dropout_state(step), &tape};
  pass.recompute = recompute_;
  return pass;
}

at::Tensor MultiTaskModel::train_heads(const Pass& pass, const BatchTensors& tensors,
                                       const std::vector<LossTargets>& targets,
                                       const PackedBatch& batch, const TrainingStep& step,
                                       const at::Tensor& h, at::Tensor dh) const {
  const at::Tensor first = h.index_select(0, tensors.first_queries);  // [B, H]
  const double scale = 1.0 / static_cast<double>(step.examples);
  std::vector<at::Tensor> losses;
  for (size_t i = 0; i < batch.segments.size(); ++i) {
    const Segment& segment = batch.segments[i];
    const Head& head = this->head(segment.task);
    const at::Tensor keys = rows_of(tensors.first_keys, segment);
    const Pooler* segment_pooler = head.reads_tokens() ? nullptr : &pooler(segment.task);
    const at::Tensor x = segment_pooler == nullptr
                             ? pass.queries_of(h, segment)
                             : segment_pooler->forward(pass, rows_of(first, segment));
    Loss loss = compute_loss(head.forward(pass, x, keys), targets[i], scale);
    losses.push_back(loss.examples);
    if (step.gradient_scale.defined()) loss.d_logits.mul_(step.gradient_scale);
    const at::Tensor dx = head.backward(pass, loss.d_logits, keys);
    if (segment_pooler == nullptr) {
      pass.queries_of(dh, segment).copy_(dx);
    } else {
      dh.index_copy_(0, rows_of(tensors.first_queries, segment),
                     segment_pooler->backward(pass, dx));
    }
  }
  return at::cat(losses).sum() * scale;
}

at::Tensor MultiTaskModel::train(const PackedBatch& batch, const TrainingStep& step,
                                 const RangeComplete& complete) {
  TORCH_CHECK(int8_ == nullptr && packed_ == nullptr && folded_ == nullptr,
              "a model in int8 or with packed weights cannot train");
  const c10::InferenceMode inference_mode;  // no autograd: backward is written out
  use_fp32_products_of(precision_);
  if (!complete) {
    if (RecordedEncoder::Record* record = find_record(batch, step.update != nullptr)) {
      return train_recorded(*record, batch, step);
    }
  }
  Upload upload(device(), upload_bytes(batch));
  const BatchTensors tensors(batch, upload, reads_tokens());
  const std::vector<LossTargets> targets = loss_targets(batch, upload);
  upload.send();
  Tape tape;
  const Pass pass = training_pass(tensors, step, tape);
  AdapterHooks hooks(adapters_, batch.segments, encoder_.num_layers());

  const at::Tensor h = encoder_.forward(pass, tensors, &hooks);
  const at::Tensor dh = pass.zeros(h.sizes());
  at::Tensor loss = train_heads(pass, tensors, targets, batch, step, h, dh);
  const std::vector<ArenaRange> ranges =
      complete ? gradient_ranges(batch.segments.back().task) : std::vector<ArenaRange>();
  auto range = ranges.begin();
  if (complete) complete(*range++);
  encoder_.backward(pass, tensors, dh, &hooks, [&](int) {
    if (complete) complete(*range++);
  });
  for (; range != ranges.end(); ++range) complete(*range);
  return loss;
}

int64_t MultiTaskModel::bytes_per_token() const {
  const int64_t hidden = bert_.hidden_size, layers = bert_.num_hidden_layers;
  // Of a layer: its input, queries, keys and values, the context, two sums before LayerNorms, the
  // attention's output, and the feed-forward's inner values before and after the activation.
  int64_t layer = 8 * hidden + 2 * bert_.intermediate_size;
  if (adapter_.kind != "none") layer += hidden + 5 * (adapter_.size + adapter_.bottleneck_size);
  const int64_t kept = recompute_ ? layers * hidden + layer : layers * layer;
  const int64_t transient = 2 * bert_.intermediate_size + 8 * hidden;
  const int64_t statistics = layers * (4 + bert_.num_attention_heads);
  return (kept + transient) * static_cast<int64_t>(c10::elementSize(precision_.type)) +
         statistics * static_cast<int64_t>(sizeof(float));
}

RecordedEncoder::Record* MultiTaskModel::find_record(const PackedBatch& batch, bool updates) {
  if (!records_steps() || batch.segments.size() != 1) return nullptr;
  const int task = batch.segments.front().task;
  if (recorded_ == nullptr) {
    recorded_ = std::make_unique<RecordedEncoder>(encoder_, adapters_, *arena_, dropout_state({}),
                                                  task, recompute_);
  }
  const BatchSize size = filled_size(batch);
  return recorded_->find({size, head(task).reads_tokens(), updates},
                         size.tokens * bytes_per_token());
}

at::Tensor MultiTaskModel::train_recorded(RecordedEncoder::Record& record, const PackedBatch& batch,
                                          const TrainingStep& step) {
  const int task = batch.segments.front().task;
  const PackedBatch filled = with_filler(batch, record.kind.size);
  Upload upload(record.memory);
  const BatchTensors tensors(filled, upload, reads_tokens());
  const at::Tensor keys = upload.add(recorded_->keys_of(step.seed, step.step));
  if (record.kind.updates) recorded_->add_update(record, upload, step.update->ranges, task);
  const std::vector<LossTargets> targets = loss_targets(batch, upload);
  upload.send();
  recorded_->forward(record, tensors, keys, task);
  record.dh.zero_();
  Tape tape;
  const Pass pass = training_pass(tensors, step, tape);
  at::Tensor loss = train_heads(pass, tensors, targets, batch, step, record.h, record.dh);
  recorded_->backward(record, task);
  if (record.kind.updates) step.update->done = true;
  return loss;
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
