// One shared BERT with the adapters and heads of K tasks.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "adapters/adapter_hooks.h"
#include "adapters/registry.h"
#include "bert/encoder.h"
#include "heads/head.h"
#include "model/recorded_encoder.h"
#include "nn/precision.h"
#include "tasks/task.h"

namespace pals {

/// The heads of tasks.
std::vector<HeadSpec> head_specs(const std::vector<Task>& tasks);

/// What the optimizer is to do after backward.
struct OptimizerUpdate {
  std::vector<AdamRange> ranges;
  bool done = false;  ///< it was, since it could be recorded with backward
};

/// What backward needs to know of the whole optimizer step that a batch belongs to.
struct TrainingStep {
  uint64_t seed = 0, step = 0;
  int64_t examples = 0;  ///< of the step, in all of its micro-batches: the loss is their mean
  at::Tensor gradient_scale = {};  ///< [1] fp32 on the device: multiplies all gradients
  /// Not null, where the step is this batch alone and nothing stands between its gradients and the
  /// optimizer: train() may do it, and says so.
  OptimizerUpdate* update = nullptr;
};

/// Embeddings, encoder with adapters, pooler(s), heads.
class MultiTaskModel {
 public:
  /// A model in int8 predicts only. `adapter` is resolved (resolve_adapter). Weights are zero until
  /// initialised or loaded. With `freeze`, only task parts and LayerNorms train. All parameters
  /// and activations are on `device`.
  MultiTaskModel(const BertConfig& bert, const AdapterConfig& adapter,
                 const std::vector<HeadSpec>& heads, const Precision& precision,
                 bool freeze = false, at::Device device = at::kCPU);

  const BertConfig& bert_config() const { return bert_; }
  const AdapterConfig& adapter_config() const { return adapter_; }
  const Precision& precision() const { return precision_; }
  at::Device device() const { return arena_->device(); }
  int num_tasks() const { return static_cast<int>(heads_.size()); }
  ParameterArena& arena() { return *arena_; }
  const ParameterArena& arena() const { return *arena_; }

  /// Outputs of an evaluation pass, on the device.
  struct Output {
    std::vector<at::Tensor> encoder_layers;  ///< [L] of [S, H] act, if asked for
    at::Tensor pooled;                       ///< [B, H] act
    std::vector<at::Tensor> logits;  ///< a segment each, fp32: [rows, C]; for a span [tokens, 2]
  };
  Output forward(const PackedBatch& batch, bool keep_layers = false) const;

  /// Forward and backward in training mode: adds to the gradients and returns the summed loss of
  /// the batch's examples divided by step.examples, [] fp64 on the device, which the host need not
  /// wait for. Dropout as the configuration says.
  /// `complete` hears of each of gradient_ranges() as soon as it changes no more.
  using RangeComplete = std::function<void(ArenaRange)>;
  at::Tensor train(const PackedBatch& batch, const TrainingStep& step,
                   const RangeComplete& complete = nullptr);

  /// Whether steps on a device other than the CPU are recorded and replayed, as they are at first
  /// (RecordedEncoder). A model that has recorded must stay where it is.
  void set_recording(bool on);
  bool records_steps() const { return records_ && !device().is_cpu(); }

  /// What train() on one task's batch adds to, in the order in which it is completed: the shared
  /// pooler, the layers from the last to the first, the embeddings, the task's own part.
  std::vector<ArenaRange> gradient_ranges(int task) const;

  /// The table [V, H] of which a batch touches the rows of its tokens only.
  ParameterId word_embeddings() const;

  /// The loss of each example [G] of a batch in evaluation mode.
  std::vector<double> example_losses(const PackedBatch& batch, const Output& output) const;

  const Head& head(int task) const { return heads_[static_cast<size_t>(task)]; }

  /// Whether tasks differ in their heads alone, so that Output::pooled is the same for all.
  bool pools_alike() const { return adapter_.kind == "none" && !adapter_.task_pooler; }
  /// What a task's head, not a span's, says of pooled outputs [B, H]: [B, C] fp32 on the device.
  at::Tensor head_logits(int task, const at::Tensor& pooled) const;

  /// Overrides both dropout probabilities of the configuration.
  void set_dropout(double p);

  /// Prepares the weights for prediction; they must not change until unpack_weights(). On the CPU
  /// they are laid out for fast products, as each is first used; elsewhere layers that follow upon
  /// each other are folded.
  void pack_weights();
  void unpack_weights() {
    packed_.reset();
    folded_.reset();
  }

  /// Whether training computes each layer's activations twice instead of keeping them.
  void set_recompute(bool on);

  /// About how many bytes of activations a training step takes for each token of its batch.
  int64_t bytes_per_token() const;

 private:
  const Pooler& pooler(int task) const;
  /// What the heads read: the first token of each row, all tokens of a span's.
  ReadsTokens reads_tokens() const;
  DropoutState dropout_state(const TrainingStep& step) const;
  Pass training_pass(const BatchTensors& tensors, const TrainingStep& step, Tape& tape) const;
  /// The targets of a batch's segments.
  std::vector<LossTargets> loss_targets(const PackedBatch& batch, Upload& upload) const;
  /// Heads and losses, forward and backward: from h [Q, H] to its gradient, added to dh (zeros),
  /// and the summed loss, [] fp64.
  at::Tensor train_heads(const Pass& pass, const BatchTensors& tensors,
                         const std::vector<LossTargets>& targets, const PackedBatch& batch,
                         const TrainingStep& step, const at::Tensor& h, at::Tensor dh) const;
  /// The record that a batch can be trained with; null: it is trained without.
  RecordedEncoder::Record* find_record(const PackedBatch& batch, bool updates);
  at::Tensor train_recorded(RecordedEncoder::Record& record, const PackedBatch& batch,
                            const TrainingStep& step);

  BertConfig bert_;
  AdapterConfig adapter_;
  Precision precision_;
  ParameterTable table_;  // while the modules register; the arena keeps the final copy
  ParameterTable folded_table_;
  BertEncoder encoder_;
  std::vector<Pooler> poolers_;  // one, or one for each task
  std::vector<TaskAdapter> adapters_;
  std::vector<Head> heads_;
  std::unique_ptr<ParameterArena> arena_;
  std::unique_ptr<Int8Weights> int8_;       // null: no int8
  std::unique_ptr<PackedWeights> packed_;   // null: not packed
  std::unique_ptr<ParameterArena> folded_;  // null: nothing is folded
  bool recompute_ = false;
  bool records_ = true;
  std::unique_ptr<RecordedEncoder> recorded_;  // from the first step on that could be recorded
};

}  // namespace pals
