// What an adapter is made of: functions of an activation, with parameters of one task.
#pragma once

#include <memory>
#include <vector>

#include "adapters/adapter_config.h"
#include "bert/layer.h"
#include "modules/linear.h"

namespace pals {

class AttendingModule;

/// A differentiable function [S, H] -> [Q, H] of one task, applied to that task's tokens (of which
/// a narrowed Pass wants the queries' outputs alone).
class AdapterModule {
 public:
  virtual ~AdapterModule() = default;
  /// Whether a token's output depends on other tokens of its row.
  virtual bool attends() const { return false; }
  /// This, if it is such a module; else null.
  virtual const AttendingModule* attending() const { return nullptr; }
  /// Whether forward also takes the tokens of several tasks (Pass::segments): whether all of its
  /// parameters are those of dense layers.
  virtual bool takes_segments() const { return false; }
  virtual at::Tensor forward(const Pass& pass, int layer, const at::Tensor& x) const = 0;
  /// Gradient of x; gradients of parameters go to the arena.
  virtual at::Tensor backward(const Pass& pass, int layer, const at::Tensor& dy) const = 0;
  /// Sets what the module has registered in AdapterBuild::folded, from weights in `from`.
  virtual void fold(const ParameterArena& /*from*/, ParameterArena& /*to*/) const {}
};

/// A module that is made of one self-attention over the rows, which may be computed with another
/// one between the steps.
class AttendingModule : public AdapterModule {
 public:
  /// What the module keeps between its steps.
  struct State {
    at::Tensor x;  ///< what the module has read
    Attending attention;
  };

  bool attends() const override { return true; }
  const AttendingModule* attending() const override { return this; }
  at::Tensor forward(const Pass& pass, int layer, const at::Tensor& x) const override;
  at::Tensor backward(const Pass& pass, int layer, const at::Tensor& dy) const override;

  /// Forward before the attention, and after.
  virtual State begin(const Pass& pass, int layer, const at::Tensor& x) const = 0;
  virtual at::Tensor finish(const Pass& pass, int layer, const State& state) const = 0;
  /// Backward before the attention, and after: gives the gradient of x.
  virtual State begin_backward(const Pass& pass, int layer, const at::Tensor& dy) const = 0;
  virtual at::Tensor finish_backward(const Pass& pass, int layer, const State& state) const = 0;
};

using AdapterModules = std::vector<std::unique_ptr<AdapterModule>>;  ///< [L], null: nothing there

/// Modules whose terms are added at the end of a layer's block (EncoderHooks::dense_term).
struct DenseTerms {
  AdapterModules modules;
  TermReads reads = TermReads::kDense;
};

/// Where one task's modules stand in the encoder.
struct TaskAdapter {
  int first_layer = 0;  ///< the first layer with a module or term; if none, the number of layers
  DenseTerms after_attention;        ///< within the LayerNorm of the attention's block
  DenseTerms after_feed_forward;     ///< within that of the feed-forward's
  AdapterModules feed_forward_term;  ///< the same, of the layer input or the attention output
  bool feed_forward_reads_attention = false;
  AdapterModules after_layer;  ///< in place of a layer's output
  std::unique_ptr<AdapterModule> after_encoder;
  LowRankTerms terms;  ///< within the products of the encoder's dense layers

  /// Tasks of one group have equal adapters, whose parameters lie alike in one arena.
  int group = 0;
  /// Not null: what the task's parameters are in, apart from the model's.
  const TaskParameters* own = nullptr;

  explicit TaskAdapter(int64_t num_layers)
      : first_layer(static_cast<int>(num_layers)),
        after_attention{AdapterModules(static_cast<size_t>(num_layers))},
        after_feed_forward{AdapterModules(static_cast<size_t>(num_layers))},
        feed_forward_term(static_cast<size_t>(num_layers)),
        after_layer(static_cast<size_t>(num_layers)) {}

  const DenseTerms& dense_terms(LayerBlock block) const {
    return block == LayerBlock::kAttention ? after_attention : after_feed_forward;
  }

  /// Of all modules.
  void fold(const ParameterArena& from, ParameterArena& to) const;
};

/// What the builders of the registry are given.
struct AdapterBuild {
  ParameterTable& table;
  /// For layers in place of two that follow upon each other, where prediction on an accelerator
  /// takes them together (Pass::folded).
  ParameterTable& folded;
  const ParameterTable& shared;  ///< with the encoder's rows
  std::string prefix;            ///< "tasks.0."
  int owner = 0;
  const BertConfig& bert;
  const AdapterConfig& config;  ///< resolved

  std::string layer_prefix(int layer) const {
    return prefix + "layer." + std::to_string(layer) + ".";
  }
};

}  // namespace pals
