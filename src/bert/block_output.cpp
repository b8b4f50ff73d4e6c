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
at::Tensor sum_of(const at::Tensor& a, const at::Tensor& b) {
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

void BlockOutput::normalise(const Pass& pass, const TokenRun& run, const at::Tensor& bias,
                            const at::Tensor& residual, const at::Tensor& term,
                            const Dropout& dropout, at::Tensor& z, at::Tensor& y, at::Tensor& mean,
                            at::Tensor& rstd) const {
  at::Tensor own_z = part(z, run), own_y = part(y, run), own_mean = part(mean, run),
             own_rstd = part(rstd, run);
  dropout_add_layer_norm_forward(own_z, bias, part(residual, run), part(term, run),
                                 layer_norm_.gamma(pass), layer_norm_.beta(pass), epsilon_, dropout,
                                 part(pass.rows.token_keys, run), own_y, own_mean, own_rstd);
}

at::Tensor BlockOutput::read_normalised(const Pass& pass, int layer,
                                        const std::vector<TokenRun>& runs,
                                        const at::Tensor& residual, const at::Tensor& term,
                                        at::Tensor& z, EncoderHooks* hooks) const {
  at::Tensor y = pass.zeros(z.sizes());
  at::Tensor mean = pass.empty_float({z.size(0)}), rstd = pass.empty_float({z.size(0)});
  for (const TokenRun& run : runs) {
    if (run.reads != TermReads::kNormalised) continue;
    normalise(pass, run, dense_.bias(pass), residual, term, dropout(pass, layer), z, y, mean, rstd);
  }
  pass.save(pass.tape != nullptr ? z.clone() : z, mean, rstd);
  return hooks->dense_term(pass, block_, layer, TermReads::kNormalised, y);
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
      at::Tensor own = part(z, run);
      if (run.reads != TermReads::kDense) continue;
      bias_dropout_forward(own, bias, dropout(pass, layer), part(pass.rows.token_keys, run));
    }
    read_dense = hooks->dense_term(pass, block_, layer, TermReads::kDense, z);
    z = pass.tape != nullptr ? z.clone() : z;
  }
  if (any_reads(runs, TermReads::kNormalised)) {
    read_sum = read_normalised(pass, layer, runs, residual, term, z, hooks);
  }
  at::Tensor y = pass.empty(z.sizes());
  at::Tensor mean = pass.empty_float({z.size(0)}), rstd = pass.empty_float({z.size(0)});
  for (const TokenRun& run : runs) {
    switch (run.reads) {
      case TermReads::kNothing:
        normalise(pass, run, bias, residual, term, dropout(pass, layer), z, y, mean, rstd);
        break;
      case TermReads::kDense:
        normalise(pass, run, {}, residual, sum_of(term, read_dense), {}, z, y, mean, rstd);
        break;
      case TermReads::kNormalised:
        normalise(pass, run, {}, {}, read_sum, {}, z, y, mean, rstd);
    }
  }
  pass.save(z, mean, rstd);
  return y;
}

void BlockOutput::backward_normalised(const Pass& pass, int layer,
                                      const std::vector<TokenRun>& runs, at::Tensor& d_residual,
                                      EncoderHooks* hooks) const {
  at::Tensor d_read = pass.zeros(d_residual.sizes());
  hooks->dense_term_backward(pass, block_, layer, TermReads::kNormalised, d_residual, d_read);
  const auto [z, mean, rstd] = pass.take<3>();
  for (const TokenRun& run : runs) {
    if (run.reads != TermReads::kNormalised) continue;
    at::Tensor dz = part(d_read, run);
    dropout_add_layer_norm_backward(dz, part(z, run), part(mean, run), part(rstd, run),
                                    layer_norm_.gamma(pass), {}, part(pass.rows.token_keys, run),
                                    dz, dz, layer_norm_.gamma_gradient(pass),
                                    layer_norm_.beta_gradient(pass), {});
    part(d_residual, run).add_(dz);
  }
}

BlockOutput::Gradients BlockOutput::backward(const Pass& pass, int layer, const at::Tensor& dy,
                                             EncoderHooks* hooks) const {
  const std::vector<TokenRun> runs = this->runs(pass, layer, hooks);
  const Dropout dropout = this->dropout(pass, layer);
  const at::Tensor& keys = pass.rows.token_keys;
  const auto [z, mean, rstd] = pass.take<3>();
  const bool has_term =
      any_reads(runs, TermReads::kDense) || any_reads(runs, TermReads::kNormalised);
  at::Tensor dh = pass.empty(dy.sizes());
  at::Tensor dx = has_term || dropout.active() ? pass.empty(dy.sizes()) : dh;
  for (const TokenRun& run : runs) {
    const bool fused = run.reads == TermReads::kNothing;
    at::Tensor own_dh = part(dh, run);
    at::Tensor own_dx = fused ? part(dx, run) : own_dh;
    dropout_add_layer_norm_backward(
        part(dy, run), part(z, run), part(mean, run), part(rstd, run), layer_norm_.gamma(pass),
        fused ? dropout : Dropout(), part(keys, run), own_dh,
        fused && dropout.active() ? own_dx : own_dh, layer_norm_.gamma_gradient(pass),
        layer_norm_.beta_gradient(pass), fused ? dense_.bias_gradient(pass) : at::Tensor());
    if (fused && has_term && !dropout.active()) own_dx.copy_(own_dh);
  }
  if (any_reads(runs, TermReads::kNormalised)) backward_normalised(pass, layer, runs, dh, hooks);
  for (const TokenRun& run : runs) {
    if (run.reads != TermReads::kNothing) part(dx, run).copy_(part(dh, run));
  }
  if (any_reads(runs, TermReads::kDense)) {
    hooks->dense_term_backward(pass, block_, layer, TermReads::kDense, dh, dx);
  }
  for (const TokenRun& run : runs) {
    at::Tensor own = part(dx, run);
    if (run.reads == TermReads::kNothing) continue;
    bias_dropout_backward(own, dropout, part(keys, run), own, dense_.bias_gradient(pass));
  }
  return {dh, dx};
}

at::Tensor BlockOutput::backward_dense(const Pass& pass, const at::Tensor& d_dense,
                                       const at::Tensor& x) const {
  dense_.backward_weight(pass, d_dense, x);
  return dense_.backward_input(pass, d_dense);
}

}  // namespace pals
