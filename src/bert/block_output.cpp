#include "bert/block_output.h"

#include <algorithm>

// Shapes: Q tokens that are output, H out_features.
namespace pals {
namespace {

at::Tensor part(const at::Tensor& x, const TokenRun& run) {
  return x.defined() ? x.narrow(0, run.first, run.count) : x;
}

bool any_reads(const std::vector<TokenRun>& runs, TermReads reads) {
  return std::ranges::any_of(runs, [&](const TokenRun& run) { return run.reads == reads; });
}

// a + b, where either may be undefined.
at::Tensor total(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() ? a : b;
  return a + b;
}

}  // namespace

BlockOutput::BlockOutput(ParameterTable& table, const std::string& prefix, LayerBlock block,
                         int64_t in_features, int64_t out_features, double epsilon,
                         LinearOptions options)
    : block_(block),
      dense_(table, prefix, {"dense"}, in_features, out_features, options),
      layer_norm_(table, prefix, out_features, options.owner),
      epsilon_(epsilon) {}

Dropout BlockOutput::dropout(const Pass& pass, int layer) const {
  return pass.hidden_dropout(
      layer, block_ == LayerBlock::kAttention ? kAttentionOutput : kFeedForwardOutput);
}

std::vector<TokenRun> BlockOutput::runs(const Pass& pass, int layer,
                                        const EncoderHooks* hooks) const {
  if (hooks == nullptr) return {{0, pass.num_tokens(), TermReads::kNothing}};
  return hooks->dense_term_runs(pass, block_, layer);
}

AddLayerNorm BlockOutput::part_of(const Pass& pass, const TokenRun& run, const AddLayerNorm& sum) {
  AddLayerNorm own = sum;
  for (at::Tensor* tensor : {&own.z, &own.residual, &own.extra, &own.y, &own.mean, &own.rstd,
                             &own.dy, &own.dz, &own.dx}) {
    *tensor = part(*tensor, run);
  }
  own.token_keys = part(pass.rows.token_keys, run);
  return own;
}

at::Tensor BlockOutput::read_normalised(const Pass& pass, int layer,
                                        const std::vector<TokenRun>& runs,
                                        const at::Tensor& residual, const at::Tensor& term,
                                        at::Tensor& z, EncoderHooks* hooks) const {
  AddLayerNorm sum = layer_norm_.forward_block(pass, epsilon_, z, pass.zeros(z.sizes()));
  sum.bias = dense_.bias(pass);
  sum.residual = residual;
  sum.extra = term;
  sum.dropout = dropout(pass, layer);
  for (const TokenRun& run : runs) {
    if (run.reads != TermReads::kNormalised) continue;
    AddLayerNorm own = part_of(pass, run, sum);
    add_layer_norm_forward(own);
  }
  pass.save(pass.tape != nullptr ? z.clone() : z, sum.mean, sum.rstd);
  return hooks->dense_term(pass, block_, layer, TermReads::kNormalised, sum.y);
}

// A term reads the dense output after dropout, or the normalised sum, so that neither can wait for
// the fused LayerNorm.
at::Tensor BlockOutput::forward(const Pass& pass, int layer, const at::Tensor& x,
                                const at::Tensor& residual, const at::Tensor& term,
                                EncoderHooks* hooks) const {
  const at::Tensor bias = dense_.bias(pass);
  const std::vector<TokenRun> runs = this->runs(pass, layer, hooks);
  at::Tensor z = dense_.product(pass, x), read_dense, read_sum;
  if (any_reads(runs, TermReads::kDense)) {
    for (const TokenRun& run : runs) {
      if (run.reads != TermReads::kDense) continue;
      bias_dropout_forward({.x = part(z, run),
                            .bias = bias,
                            .dropout = dropout(pass, layer),
                            .token_keys = part(pass.rows.token_keys, run)});
    }
    read_dense = hooks->dense_term(pass, block_, layer, TermReads::kDense, z);
    z = pass.tape != nullptr ? z.clone() : z;
  }
  if (any_reads(runs, TermReads::kNormalised)) {
    read_sum = read_normalised(pass, layer, runs, residual, term, z, hooks);
  }
  const AddLayerNorm sum = layer_norm_.forward_block(pass, epsilon_, z, pass.empty(z.sizes()));
  for (const TokenRun& run : runs) {
    AddLayerNorm own = sum;
    switch (run.reads) {
      case TermReads::kNothing:
        own.bias = bias;
        own.residual = residual;
        own.extra = term;
        own.dropout = dropout(pass, layer);
        break;
      case TermReads::kDense:
        own.residual = residual;
        own.extra = total(term, read_dense);
        break;
      case TermReads::kNormalised:
        own.extra = read_sum;
    }
    own = part_of(pass, run, own);
    add_layer_norm_forward(own);
  }
  pass.save(z, sum.mean, sum.rstd);
  return sum.y;
}

void BlockOutput::backward_normalised(const Pass& pass, int layer,
                                      const std::vector<TokenRun>& runs, at::Tensor& d_residual,
                                      EncoderHooks* hooks) const {
  at::Tensor d_read = pass.zeros(d_residual.sizes());
  hooks->dense_term_backward(pass, block_, layer, TermReads::kNormalised, d_residual, d_read);
  const AddLayerNorm sum = layer_norm_.backward_block(pass, d_read, d_read);
  for (const TokenRun& run : runs) {
    if (run.reads != TermReads::kNormalised) continue;
    AddLayerNorm own = part_of(pass, run, sum);
    add_layer_norm_backward(own);
    part(d_residual, run).add_(own.dz);
  }
}

BlockOutput::Gradients BlockOutput::backward(const Pass& pass, int layer, const at::Tensor& dy,
                                             EncoderHooks* hooks) const {
  const std::vector<TokenRun> runs = this->runs(pass, layer, hooks);
  const Dropout dropout = this->dropout(pass, layer);
  const at::Tensor& keys = pass.rows.token_keys;
  const bool has_term =
      any_reads(runs, TermReads::kDense) || any_reads(runs, TermReads::kNormalised);
  at::Tensor dh = pass.empty(dy.sizes());
  const AddLayerNorm sum = layer_norm_.backward_block(pass, dy, dh);
  // The layer goes on adding to dh, while dx may be read beside.
  const bool apart = dropout.active() || pass.beside != nullptr;
  at::Tensor dx = has_term || apart ? pass.empty(dy.sizes()) : dh;
  for (const TokenRun& run : runs) {
    const bool fused = run.reads == TermReads::kNothing;
    AddLayerNorm own = part_of(pass, run, sum);
    own.dropout = fused ? dropout : Dropout();
    if (fused && apart) own.dx = part(dx, run);
    if (fused) own.bias_grad = dense_.bias_gradient(pass);
    add_layer_norm_backward(own);
    if (fused && has_term && !apart) part(dx, run).copy_(own.dz);
  }
  if (any_reads(runs, TermReads::kNormalised)) backward_normalised(pass, layer, runs, dh, hooks);
  for (const TokenRun& run : runs) {
    if (run.reads != TermReads::kNothing) part(dx, run).copy_(part(dh, run));
  }
  if (any_reads(runs, TermReads::kDense)) {
    hooks->dense_term_backward(pass, block_, layer, TermReads::kDense, dh, dx);
  }
  for (const TokenRun& run : runs) {
    if (run.reads == TermReads::kNothing) continue;
    const at::Tensor own = part(dx, run);
    BiasDropout block{.dropout = dropout,
                      .token_keys = part(keys, run),
                      .dy = own,
                      .dx = own,
                      .bias_grad = dense_.bias_gradient(pass)};
    bias_dropout_backward(block);
  }
  return {dh, dx};
}

at::Tensor BlockOutput::backward_dense(const Pass& pass, const at::Tensor& d_dense,
                                       const at::Tensor& x) const {
  dense_.backward_weight(pass, d_dense, x);
  return dense_.backward_input(pass, d_dense);
}

}  // namespace pals
