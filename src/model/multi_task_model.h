// One shared BERT with the adapters and heads of K tasks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "adapters/adapter_hooks.h"
#include "adapters/registry.h"
#include "bert/encoder.h"
#include "heads/head.h"
#include "model/recorded_encoder.h"
#include "modules/precision.h"
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
  /// A model in int8 predicts only. `adapters` and `heads` are the tasks', [K]; adapters are
  /// resolved (resolve_adapter). Weights are zero until initialised or loaded. What is `frozen`
  /// does not train. All parameters and activations are on `device`.
  MultiTaskModel(const BertConfig& bert, const std::vector<AdapterConfig>& adapters,
                 const std::vector<HeadSpec>& heads, const Precision& precision,
                 Frozen frozen = Frozen::kNothing, at::Device device = at::kCPU);
  /// The same, all tasks with the same adapter.
  MultiTaskModel(const BertConfig& bert, const AdapterConfig& adapter,
                 const std::vector<HeadSpec>& heads, const Precision& precision,
                 Frozen frozen = Frozen::kNothing, at::Device device = at::kCPU)
      : MultiTaskModel(bert, std::vector<AdapterConfig>(heads.size(), adapter), heads, precision,
                       frozen, device) {}

  const BertConfig& bert_config() const { return bert_; }
  const AdapterConfig& adapter_config(int task) const {
    return configs_[static_cast<size_t>(task)];
  }
  const Precision& precision() const { return precision_; }
  at::Device device() const { return arena_->device(); }
  /// Tasks are numbered from 0; below this. Of a model that lets go of tasks some numbers may be
  /// free (has_task).
  int num_tasks() const { return static_cast<int>(heads_.size()); }
  ParameterArena& arena() { return *arena_; }
  const ParameterArena& arena() const { return *arena_; }

  /// Takes a further task into a model that predicts and gives it the first free number; other
  /// tasks' outputs stay as they are, bit for bit. Its parameters are in an arena of their own
  /// (task_arena), zero until they are loaded; then pack_task() prepares them. Error if the task
  /// needs the shared pooler and there is none. Nothing else may use the model meanwhile.
  int add_task(const AdapterConfig& adapter, const HeadSpec& head);
  /// Lets go of a task and of the memory of its parameters; its number becomes free. Of a task that
  /// the model was made with, that memory is given back on the CPU alone.
  void remove_task(int task);
  bool has_task(int task) const {
    return task >= 0 && task < num_tasks() && present_[static_cast<size_t>(task)];
  }
  /// Where a task's parameters are.
  ParameterArena& task_arena(int task);

  /// What an evaluation pass of B rows and S tokens is to give.
  struct Reading {
    /// For each segment the tasks whose heads read its rows; all have the adapter and the pooler of
    /// the segment's task (shares_trunk). Empty: no heads.
    std::vector<std::vector<int>> heads = {};
    bool pooled = false;           ///< the pooler's outputs
    bool tokens = false;           ///< the last hidden states of all tokens
    std::vector<int> layers = {};  ///< encoder layers, from 0, whose outputs are kept
  };

  /// Outputs of an evaluation pass, on the device.
  struct Output {
    std::vector<at::Tensor> encoder_layers;  ///< [S, H] act, in the order of Reading::layers
    at::Tensor tokens;                       ///< [S, H] act, if asked for
    at::Tensor first;                        ///< [B, H] act, the rows' first tokens
    at::Tensor pooled;                       ///< [B, H] act, if asked for
    /// Segment by segment, in the order of Reading::heads, fp32: [rows, C]; for a span [tokens, 2].
    std::vector<at::Tensor> logits;
  };
  /// The last layer computes the tokens that are read alone, and no layer's output is kept but
  /// those asked for.
  Output forward(const PackedBatch& batch, const Reading& reading) const;

  /// Each segment's own head and the pooled outputs; with `keep_layers` those of all layers too.
  Output forward(const PackedBatch& batch, bool keep_layers = false) const;

  /// Forward and backward in training mode: adds to the gradients and returns the summed loss of
  /// the batch's examples divided by step.examples, [] fp64 on the device, which the host need not
  /// wait for. Dropout as the configuration says.
  /// `complete` hears of each of gradient_ranges() as soon as it changes no more.
  using RangeComplete = std::function<void(ArenaRange)>;
  at::Tensor train(const PackedBatch& batch, const TrainingStep& step,
                   const RangeComplete& complete = nullptr);

  /// From now on nothing shared trains, as with Frozen::kAll. No step may be under way.
  void freeze_shared();

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

  /// Whether a head reads the outputs of that task's own pooler, or of the shared one
  /// (kSharedOwner). Heads that read tokens have no use for one.
  bool reads_pooler(int owner) const;

  /// Whether the tasks differ in their heads alone, so that a row's pass can be read by both.
  bool shares_trunk(int task, int other) const;

  /// Overrides both dropout probabilities of the configuration.
  void set_dropout(double p);

  /// Prepares the weights for prediction; they must not change until unpack_weights(). On the CPU
  /// they are laid out for fast products, as each is first used; elsewhere layers that follow upon
  /// each other are folded.
  void pack_weights();
  void unpack_weights();
  /// The same for a task that was added, where the model is packed.
  void pack_task(int task);

  /// Adds a task's low-rank terms to the shared weights, for an export, and leaves the task
  /// without: its outputs stay as they are but for rounding, other tasks' do not.
  void fold_terms(int task);

  /// Whether training computes each layer's activations twice instead of keeping them.
  void set_recompute(bool on);

  /// About how many bytes of activations a training step takes for each token of its batch.
  int64_t bytes_per_token() const;

 private:
  /// The task's own pooler, or the shared one.
  const Pooler& pooler(int task) const;
  at::Tensor pool(const Pass& pass, int task, const at::Tensor& first) const;
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
  /// The records of the task's group.
  RecordedEncoder& recorded(int task);
  /// The record that a batch can be trained with; null: it is trained without.
  RecordedEncoder::Record* find_record(const PackedBatch& batch, bool updates);
  at::Tensor train_recorded(RecordedEncoder::Record& record, const PackedBatch& batch,
                            const TrainingStep& step);

  BertConfig bert_;
  std::vector<AdapterConfig> configs_;  // [K]
  Precision precision_;
  ParameterTable table_;  // while the modules register; the arena keeps the final copy
  ParameterTable folded_table_;
  BertEncoder encoder_;
  std::optional<Pooler> shared_pooler_;         // if any task reads it
  std::vector<std::optional<Pooler>> poolers_;  // [K], of tasks that have one of their own
  std::vector<TaskAdapter> adapters_;
  std::vector<Head> heads_;
  std::vector<bool> present_;                         // [K]
  std::vector<std::unique_ptr<TaskParameters>> own_;  // [K], null: in the arena
  std::unique_ptr<ParameterArena> arena_;
  std::unique_ptr<Int8Weights> int8_;       // null: no int8
  std::unique_ptr<PackedWeights> packed_;   // null: not packed
  std::unique_ptr<ParameterArena> folded_;  // null: nothing is folded
  bool packs_ = false;                      // pack_weights() was called
  bool recompute_ = false;
  bool records_ = true;
  std::map<int, RecordedEncoder> recorded_;  // by group of tasks, from their first step on
};

}  // namespace pals
