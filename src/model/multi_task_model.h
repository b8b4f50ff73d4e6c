// One shared BERT with the adapters and heads of K tasks.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "adapters/adapter_hooks.h"
#include "adapters/registry.h"
#include "bert/encoder.h"
#include "heads/head.h"
#include "nn/precision.h"
#include "tasks/task.h"

namespace pals {

/// The heads of tasks.
std::vector<HeadSpec> head_specs(const std::vector<Task>& tasks);

/// What backward needs to know of the whole optimizer step that a batch belongs to.
struct TrainingStep {
  uint64_t seed = 0, step = 0;
  int64_t examples = 0;  ///< of the step, in all of its micro-batches: the loss is their mean
};

/// Embeddings, encoder with adapters, pooler(s), heads.
class MultiTaskModel {
 public:
  /// A model in int8 predicts only. `adapter` is resolved (resolve_adapter). Weights are zero until
  /// initialised or loaded. With `freeze`, only task parts and LayerNorms train.
  MultiTaskModel(const BertConfig& bert, const AdapterConfig& adapter,
                 const std::vector<HeadSpec>& heads, const Precision& precision,
                 bool freeze = false);

  const BertConfig& bert_config() const { return bert_; }
  const AdapterConfig& adapter_config() const { return adapter_; }
  int num_tasks() const { return static_cast<int>(heads_.size()); }
  ParameterArena& arena() { return *arena_; }
  const ParameterArena& arena() const { return *arena_; }

  /// Outputs of an evaluation pass.
  struct Output {
    std::vector<at::Tensor> encoder_layers;  ///< [L] of [S, H] act, if asked for
    at::Tensor pooled;                       ///< [B, H] act
    std::vector<at::Tensor> logits;  ///< a segment each, fp32: [rows, C]; for a span [tokens, 2]
  };
  Output forward(const PackedBatch& batch, bool keep_layers = false) const;

  /// Forward and backward in training mode: adds to the gradients and returns the summed loss of
  /// the batch's examples divided by step.examples. Dropout as the configuration says.
  /// `complete` hears of each of gradient_ranges() as soon as it changes no more.
  using RangeComplete = std::function<void(ArenaRange)>;
  double train(const PackedBatch& batch, const TrainingStep& step,
               const RangeComplete& complete = nullptr);

  /// What train() on one task's batch adds to, in the order in which it is completed: the shared
  /// pooler, the layers from the last to the first, the embeddings, the task's own part.
  std::vector<ArenaRange> gradient_ranges(int task) const;

  /// The table [V, H] of which a batch touches the rows of its tokens only.
  ParameterId word_embeddings() const;

  /// The loss of each example [G] of a batch in evaluation mode.
  std::vector<double> example_losses(const PackedBatch& batch, const Output& output) const;

  const Head& head(int task) const { return heads_[static_cast<size_t>(task)]; }

  /// Overrides both dropout probabilities of the configuration.
  void set_dropout(double p);

  /// Lays the weights out for fast products, as each is first used; they must not change until
  /// unpack_weights().
  void pack_weights();
  void unpack_weights() { packed_.reset(); }

  /// Whether training computes each layer's activations twice instead of keeping them.
  void set_recompute(bool recompute) { recompute_ = recompute; }

 private:
  const Pooler& pooler(int task) const;
  /// The rows with what the heads read as queries: the first token of each, all tokens of a span's.
  AttentionRows rows_read(const BatchTensors& tensors, const PackedBatch& batch) const;
  /// The number of each row's first query: [B] int64.
  at::Tensor first_queries(const Pass& pass) const;

  BertConfig bert_;
  AdapterConfig adapter_;
  ParameterTable table_;  // while the modules register; the arena keeps the final copy
  BertEncoder encoder_;
  std::vector<Pooler> poolers_;  // one, or one for each task
  std::vector<TaskAdapter> adapters_;
  std::vector<Head> heads_;
  std::unique_ptr<ParameterArena> arena_;
  std::unique_ptr<Int8Weights> int8_;      // null: no int8
  std::unique_ptr<PackedWeights> packed_;  // null: not packed
  bool recompute_ = false;
};

}  // namespace pals
