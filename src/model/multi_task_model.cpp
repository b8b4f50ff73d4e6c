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
    specs.push_back({task.kind, num_outputs(task), task.loss});
  }
  return specs;
}

MultiTaskModel::MultiTaskModel(const BertConfig& bert, const std::vector<AdapterConfig>& adapters,
                               const std::vector<HeadSpec>& heads, const Precision& precision,
                               Frozen frozen, at::Device device)
    : bert_(bert), configs_(adapters), precision_(precision), encoder_(table_, bert) {
  TORCH_CHECK(adapters.size() == heads.size(), "a model of ", heads.size(), " heads with ",
              adapters.size(), " adapters");
  const auto has_own = [](const AdapterConfig& adapter) { return adapter.task_pooler; };
  if (heads.empty() || !std::ranges::all_of(adapters, has_own)) {
    shared_pooler_.emplace(table_, "", bert.hidden_size, kSharedOwner);
  }
  for (size_t i = 0; i < heads.size(); ++i) {
    const int task = static_cast<int>(i);
    const std::string prefix = "tasks." + std::to_string(task) + ".";
    const ParameterId first = table_.next();
    adapters_.push_back(build_adapter(table_, folded_table_, table_, task, bert, adapters[i]));
    table_.set_group(first, LearningRateGroup::kAdapter);
    adapters_.back().group =
        static_cast<int>(std::ranges::find(adapters, adapters[i]) - adapters.begin());
    poolers_.emplace_back();
    if (adapters[i].task_pooler) {
      poolers_.back().emplace(table_, prefix, bert.hidden_size, task);
    }
    heads_.emplace_back(table_, prefix, bert.hidden_size, heads[i], task);
    table_.set_group(first, LearningRateGroup::kHead);
  }
  present_.assign(heads.size(), true);
  own_.resize(heads.size());
  table_.freeze_shared(frozen);
  table_.lay_out();
  folded_table_.lay_out();
  arena_ = std::make_unique<ParameterArena>(table_, precision.type, device);
  if (precision.int8) int8_ = std::make_unique<Int8Weights>();
}

const Pooler& MultiTaskModel::pooler(int task) const {
  const std::optional<Pooler>& own = poolers_[static_cast<size_t>(task)];
  return own ? *own : *shared_pooler_;
}

at::Tensor MultiTaskModel::pool(const Pass& pass, int task, const at::Tensor& first) const {
  const bool is_own = poolers_[static_cast<size_t>(task)].has_value();
  const TaskParameters* own = adapters_[static_cast<size_t>(task)].own;
  return pooler(task).forward(pass.of_task(is_own ? own : nullptr), first);
}

bool MultiTaskModel::reads_pooler(int owner) const {
  for (int task = 0; task < num_tasks(); ++task) {
    if (!has_task(task) || head(task).reads_tokens()) continue;
    if ((poolers_[static_cast<size_t>(task)] ? task : kSharedOwner) == owner) return true;
  }
  return false;
}

bool MultiTaskModel::shares_trunk(int task, int other) const {
  const auto is_shared = [this](int number) {
    return adapter_config(number).kind == "none" && !adapter_config(number).task_pooler;
  };
  return task == other || (is_shared(task) && is_shared(other));
}

ReadsTokens MultiTaskModel::reads_tokens() const {
  return [this](const Segment& segment) { return head(segment.task).reads_tokens(); };
}

void MultiTaskModel::set_dropout(double p) {
  bert_.hidden_dropout_prob = p;
  bert_.attention_probs_dropout_prob = p;
  recorded_.clear();  // its records have the old ones
}

void MultiTaskModel::set_recompute(bool on) {
  recompute_ = on;
  recorded_.clear();
}

void MultiTaskModel::freeze_shared() {
  arena_->freeze_shared();
  recorded_.clear();  // its records train what is shared
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
  for (const Segment& segment : batch.segments) {
    TORCH_CHECK(has_task(segment.task), "the model has no task ", segment.task);
  }
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
  pass.terms = hooks.terms();

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
      pooled = pool(pass, segment.task, rows_of(output.first, segment));
    }
    if (reading.pooled) rows_of(output.pooled, segment).copy_(pooled);
    for (const int task : tasks) {
      TORCH_CHECK(has_task(task), "the model has no task ", task);
      const Head& head = this->head(task);
      output.logits.push_back(
          head.forward(pass.of_task(adapters_[static_cast<size_t>(task)].own),
                       head.reads_tokens() ? pass.queries_of(h, segment) : pooled, {}));
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
  TORCH_CHECK(int8_ == nullptr && !packs_, "a model in int8 or with packed weights cannot train");
  for (const Segment& segment : batch.segments) {
    TORCH_CHECK(has_task(segment.task) && own_[static_cast<size_t>(segment.task)] == nullptr,
                "task ", segment.task, " cannot train: it was added to a model that predicts");
  }
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
  Pass pass = training_pass(tensors, step, tape);
  AdapterHooks hooks(adapters_, batch.segments, encoder_.num_layers());
  pass.terms = hooks.terms();
  pass.trains_from = hooks.trains_from(arena_->table());

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
  int64_t largest = 0;  // of the tasks' adapters
  for (const AdapterConfig& config : configs_) {
    if (config.kind == "none") continue;
    largest = std::max(largest, hidden + 5 * (config.size + config.bottleneck_size));
  }
  layer += largest;
  const int64_t kept = recompute_ ? layers * hidden + layer : layers * layer;
  const int64_t transient = 2 * bert_.intermediate_size + 8 * hidden;
  const int64_t statistics = layers * (4 + bert_.num_attention_heads);
  return (kept + transient) * static_cast<int64_t>(c10::elementSize(precision_.type)) +
         statistics * static_cast<int64_t>(sizeof(float));
}

RecordedEncoder& MultiTaskModel::recorded(int task) {
  const int group = adapters_[static_cast<size_t>(task)].group;
  const auto known = recorded_.find(group);
  if (known != recorded_.end()) return known->second;
  std::vector<int> tasks;
  for (int other = 0; other < num_tasks(); ++other) {
    if (adapters_[static_cast<size_t>(other)].group == group) tasks.push_back(other);
  }
  return recorded_
      .try_emplace(group, encoder_, adapters_, *arena_, dropout_state({}), tasks, recompute_)
      .first->second;
}

RecordedEncoder::Record* MultiTaskModel::find_record(const PackedBatch& batch, bool updates) {
  if (!records_steps() || batch.segments.size() != 1) return nullptr;
  const int task = batch.segments.front().task;
  const BatchSize size = filled_size(batch);
  return recorded(task).find({size, head(task).reads_tokens(), updates},
                             size.tokens * bytes_per_token());
}

at::Tensor MultiTaskModel::train_recorded(RecordedEncoder::Record& record, const PackedBatch& batch,
                                          const TrainingStep& step) {
  const int task = batch.segments.front().task;
  RecordedEncoder& encoder = recorded(task);
  const PackedBatch filled = with_filler(batch, record.kind.size);
  Upload upload(record.memory);
  const BatchTensors tensors(filled, upload, reads_tokens());
  const at::Tensor keys = upload.add(encoder.keys_of(step.seed, step.step));
  if (record.kind.updates) encoder.add_update(record, upload, step.update->ranges, task);
  const std::vector<LossTargets> targets = loss_targets(batch, upload);
  upload.send();
  encoder.forward(record, tensors, keys, task);
  record.dh.zero_();
  Tape tape;
  const Pass pass = training_pass(tensors, step, tape);
  at::Tensor loss = train_heads(pass, tensors, targets, batch, step, record.h, record.dh);
  encoder.backward(record, task);
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
