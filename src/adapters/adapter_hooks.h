// Joins the tasks' adapters to the encoder: each works on its own task's tokens of a mixed batch.
#pragma once

#include <vector>

#include "adapters/module.h"

namespace pals {

/// The hooks for one pass over a batch with these segments.
class AdapterHooks : public EncoderHooks {
 public:
  /// `adapters` [K] are indexed by task; both references must outlive the pass.
  AdapterHooks(const std::vector<TaskAdapter>& adapters, const std::vector<Segment>& segments,
               int num_layers);

  /// What a pass's dense layers add to their products (Pass::terms); null: nothing.
  const std::vector<SegmentTerms>* terms() const;

  /// Where a pass's backward may end (Pass::trains_from), with the shared part as `table` has it.
  int trains_from(const ParameterTable& table) const;

  std::vector<TokenRun> dense_term_runs(const Pass& pass, LayerBlock block,
                                        int layer) const override;
  at::Tensor dense_term(const Pass& pass, LayerBlock block, int layer, TermReads reads,
                        const at::Tensor& x) override;
  void dense_term_backward(const Pass& pass, LayerBlock block, int layer, TermReads reads,
                           const at::Tensor& d_term, at::Tensor& dx) override;
  AttentionHeads* attention_beside(const Pass& pass, int layer, const at::Tensor& h) override;
  AttentionHeads* attention_beside_backward() override;
  at::Tensor after_attention_beside_backward(const Pass& pass, int layer) override;
  bool term_attends_to_attention(int layer) const override;
  at::Tensor feed_forward_term(const Pass& pass, int layer,
                               const LayerActivations& activations) override;
  void feed_forward_term_backward(const Pass& pass, int layer, const at::Tensor& d_term,
                                  LayerActivations& gradients) override;
  at::Tensor after_layer(const Pass& pass, int layer, const at::Tensor& y) override;
  at::Tensor after_layer_backward(const Pass& pass, int layer, const at::Tensor& dy) override;
  bool has_after_encoder() const override;
  at::Tensor after_encoder(const Pass& pass, const at::Tensor& y) override;
  at::Tensor after_encoder_backward(const Pass& pass, const at::Tensor& dy) override;

 private:
  const TaskAdapter& of(int task) const { return adapters_[static_cast<size_t>(task)]; }
  /// The pass of a task's feed-forward term: narrowed only where its input is of all tokens.
  Pass term_pass(const Pass& pass, int layer, int task) const;

  /// The layer's feed-forward term, if its attention can be computed beside the layer's own on
  /// activations like x; else null.
  const AttendingModule* module_beside(const Pass& pass, int layer, const at::Tensor& x) const;
  /// The pass for a module that stands for those of all segments.
  Pass of_all_segments(const Pass& pass) const;

  const std::vector<TaskAdapter>& adapters_;
  const std::vector<Segment>& segments_;
  int num_layers_;
  std::vector<SegmentTerms> terms_;          // [segments]
  const AttendingModule* beside_ = nullptr;  // in a layer: what attends beside it
  AttendingModule::State state_;             // and how far it is
};

}  // namespace pals
