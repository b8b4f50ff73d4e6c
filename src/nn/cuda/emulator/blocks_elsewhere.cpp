#include "nn/cuda/emulator/blocks_elsewhere.h"

#include <utility>
#include <vector>

namespace pals {
namespace elsewhere {

static at::Device g_device = at::kCPU;
static const BlockTable* g_blocks = nullptr;

/// The tensors of one call.
class Trip {
 public:
  /// A copy there.
  static at::Tensor in(const at::Tensor& x) {
    if (!x.defined()) return {};
    return at::empty_strided(x.sizes(), x.strides(), x.options().device(g_device)).copy_(x);
  }
  /// A copy there that comes back.
  at::Tensor out(const at::Tensor& x) {
    at::Tensor there = in(x);
    if (x.defined()) results_.emplace_back(x, there);
    return there;
  }
  /// Keys of no tokens where there is no dropout.
  static at::Tensor keys(const Dropout& dropout, const at::Tensor& token_keys) {
    return dropout.active() ? in(token_keys) : at::Tensor();
  }
  static AttentionRows rows(const AttentionRows& rows) {
    return {in(rows.cu_seqlens), rows.max_seqlen, in(rows.token_keys), in(rows.cu_queries),
            in(rows.query_keys)};
  }
  void finish() const {
    for (const auto& [here, there] : results_) at::Tensor(here).copy_(there);
  }

 private:
  std::vector<std::pair<at::Tensor, at::Tensor>> results_;
};

void bias_activation_forward(Activation activation, at::Tensor& x, const at::Tensor& bias,
                             at::Tensor& y) {
  Trip trip;
  at::Tensor there = trip.out(x), result = trip.out(y);
  g_blocks->bias_activation_forward(activation, there, Trip::in(bias), result);
  trip.finish();
}

void bias_activation_backward(Activation activation, const at::Tensor& dy, const at::Tensor& u,
                              at::Tensor& du, at::Tensor bias_grad) {
  Trip trip;
  at::Tensor result = trip.out(du);
  g_blocks->bias_activation_backward(activation, Trip::in(dy), Trip::in(u), result,
                                     trip.out(bias_grad));
  trip.finish();
}

void bias_dropout_forward(at::Tensor& x, const at::Tensor& bias, const Dropout& dropout,
                          const at::Tensor& token_keys) {
  Trip trip;
  at::Tensor there = trip.out(x);
  g_blocks->bias_dropout_forward(there, Trip::in(bias), dropout, Trip::keys(dropout, token_keys));
  trip.finish();
}

void bias_dropout_backward(const at::Tensor& dy, const Dropout& dropout,
                           const at::Tensor& token_keys, at::Tensor& dx, at::Tensor bias_grad) {
  Trip trip;
  at::Tensor result = trip.out(dx);
  g_blocks->bias_dropout_backward(Trip::in(dy), dropout, Trip::keys(dropout, token_keys), result,
                                  trip.out(bias_grad));
  trip.finish();
}

void dropout_add_layer_norm_forward(at::Tensor& x, const at::Tensor& bias,
                                    const at::Tensor& residual, const at::Tensor& extra,
                                    const at::Tensor& gamma, const at::Tensor& beta, double epsilon,
                                    const Dropout& dropout, const at::Tensor& token_keys,
                                    at::Tensor& y, at::Tensor& mean, at::Tensor& rstd) {
  Trip trip;
  at::Tensor z = trip.out(x), result = trip.out(y), means = trip.out(mean), rstds = trip.out(rstd);
  g_blocks->dropout_add_layer_norm_forward(z, Trip::in(bias), Trip::in(residual), Trip::in(extra),
                                           Trip::in(gamma), Trip::in(beta), epsilon, dropout,
                                           Trip::keys(dropout, token_keys), result, means, rstds);
  trip.finish();
}

void dropout_add_layer_norm_backward(const at::Tensor& dy, const at::Tensor& z,
                                     const at::Tensor& mean, const at::Tensor& rstd,
                                     const at::Tensor& gamma, const Dropout& dropout,
                                     const at::Tensor& token_keys, at::Tensor& dz, at::Tensor& dx,
                                     at::Tensor gamma_grad, at::Tensor beta_grad,
                                     at::Tensor bias_grad) {
  Trip trip;
  at::Tensor result = trip.out(dz), dense = trip.out(dx);
  g_blocks->dropout_add_layer_norm_backward(
      Trip::in(dy), Trip::in(z), Trip::in(mean), Trip::in(rstd), Trip::in(gamma), dropout,
      Trip::keys(dropout, token_keys), result, dense, trip.out(gamma_grad), trip.out(beta_grad),
      trip.out(bias_grad));
  trip.finish();
}

void attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const AttentionRows& rows, int64_t num_heads, double scale,
                       const Dropout& dropout, at::Tensor& context, at::Tensor& logsumexp) {
  Trip trip;
  at::Tensor result = trip.out(context), lse = trip.out(logsumexp);
  g_blocks->attention_forward(Trip::in(q), Trip::in(k), Trip::in(v), Trip::rows(rows), num_heads,
                              scale, dropout, result, lse);
  trip.finish();
}

void attention_backward(const at::Tensor& d_context, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const at::Tensor& context, const at::Tensor& logsumexp,
                        const AttentionRows& rows, int64_t num_heads, double scale,
                        const Dropout& dropout, at::Tensor& dq, at::Tensor& dk, at::Tensor& dv) {
  Trip trip;
  at::Tensor queries = trip.out(dq), keys = trip.out(dk), values = trip.out(dv);
  g_blocks->attention_backward(Trip::in(d_context), Trip::in(q), Trip::in(k), Trip::in(v),
                               Trip::in(context), Trip::in(logsumexp), Trip::rows(rows), num_heads,
                               scale, dropout, queries, keys, values);
  trip.finish();
}

AttentionHeads heads_there(Trip& trip, const AttentionHeads& heads, bool backward) {
  AttentionHeads there = heads;
  for (at::Tensor* x : {&there.q, &there.k, &there.v}) *x = Trip::in(*x);
  for (at::Tensor* x : {&there.context, &there.logsumexp}) {
    *x = backward ? Trip::in(*x) : trip.out(*x);
  }
  if (!backward) return there;
  there.d_context = Trip::in(there.d_context);
  for (at::Tensor* x : {&there.dq, &there.dk, &there.dv}) *x = trip.out(*x);
  return there;
}

void attend_jointly(AttentionHeads& first, AttentionHeads& second, const AttentionRows& rows,
                    bool backward) {
  Trip trip;
  AttentionHeads one = heads_there(trip, first, backward);
  AttentionHeads other = heads_there(trip, second, backward);
  const auto block =
      backward ? g_blocks->joint_attention_backward : g_blocks->joint_attention_forward;
  block(one, other, Trip::rows(rows));
  trip.finish();
}

void joint_attention_forward(AttentionHeads& first, AttentionHeads& second,
                             const AttentionRows& rows) {
  attend_jointly(first, second, rows, false);
}

void joint_attention_backward(AttentionHeads& first, AttentionHeads& second,
                              const AttentionRows& rows) {
  attend_jointly(first, second, rows, true);
}

void embedding_forward(const at::Tensor& token_ids, const at::Tensor& position_ids,
                       const at::Tensor& token_type_ids, const at::Tensor& word,
                       const at::Tensor& position, const at::Tensor& token_type, at::Tensor& out) {
  Trip trip;
  at::Tensor result = trip.out(out);
  g_blocks->embedding_forward(Trip::in(token_ids), Trip::in(position_ids), Trip::in(token_type_ids),
                              Trip::in(word), Trip::in(position), Trip::in(token_type), result);
  trip.finish();
}

void embedding_backward(const at::Tensor& d_out, const at::Tensor& token_ids,
                        const at::Tensor& position_ids, const at::Tensor& token_type_ids,
                        at::Tensor word_grad, at::Tensor position_grad,
                        at::Tensor token_type_grad) {
  Trip trip;
  g_blocks->embedding_backward(Trip::in(d_out), Trip::in(token_ids), Trip::in(position_ids),
                               Trip::in(token_type_ids), trip.out(word_grad),
                               trip.out(position_grad), trip.out(token_type_grad));
  trip.finish();
}

void add_column_sums(const at::Tensor& x, at::Tensor sum) {
  Trip trip;
  g_blocks->add_column_sums(Trip::in(x), trip.out(sum));
  trip.finish();
}

void accumulate(const at::Tensor& x, at::Tensor target) {
  Trip trip;
  g_blocks->accumulate(Trip::in(x), trip.out(target));
  trip.finish();
}

void quantize_rows(const at::Tensor& x, at::Tensor& bytes, at::Tensor& scales) {
  Trip trip;
  at::Tensor result = trip.out(bytes), factors = trip.out(scales);
  g_blocks->quantize_rows(Trip::in(x), result, factors);
  trip.finish();
}

void scale_rows(at::Tensor& x, const at::Tensor& scales, const at::Tensor& bias) {
  Trip trip;
  at::Tensor there = trip.out(x);
  g_blocks->scale_rows(there, Trip::in(scales), Trip::in(bias));
  trip.finish();
}

void grouped_dense_forward(const std::vector<DenseGroup>& groups, const at::Tensor& weights,
                           const at::Tensor& biases, std::optional<Activation> activation,
                           const at::Tensor& x, at::Tensor& y) {
  Trip trip;
  at::Tensor result = trip.out(y);
  g_blocks->grouped_dense_forward(groups, Trip::in(weights), Trip::in(biases), activation,
                                  Trip::in(x), result);
  trip.finish();
}

void bert_adam_step(const std::vector<AdamRange>& ranges, const BertAdamOptions& options,
                    at::Tensor weights, const at::Tensor& gradients, at::Tensor first_moment,
                    at::Tensor second_moment, at::Tensor shadow) {
  Trip trip;
  BertAdamOptions there = options;
  const at::Tensor overflow =
      options.overflow != nullptr ? Trip::in(*options.overflow) : at::Tensor();
  if (options.overflow != nullptr) there.overflow = &overflow;
  g_blocks->bert_adam_step(ranges, there, trip.out(weights), Trip::in(gradients),
                           trip.out(first_moment), trip.out(second_moment), trip.out(shadow));
  trip.finish();
}

void bert_adam_table_step(const at::Tensor& table, int64_t chunks, const BertAdamOptions& options,
                          at::Tensor weights, const at::Tensor& gradients, at::Tensor first_moment,
                          at::Tensor second_moment, at::Tensor shadow) {
  Trip trip;
  g_blocks->bert_adam_table_step(Trip::in(table), chunks, options, trip.out(weights),
                                 Trip::in(gradients), trip.out(first_moment),
                                 trip.out(second_moment), trip.out(shadow));
  trip.finish();
}

}  // namespace elsewhere

const BlockTable& blocks_elsewhere(at::Device device, const BlockTable& blocks) {
  static constexpr BlockTable kTable = {
      .bias_activation_forward = elsewhere::bias_activation_forward,
      .bias_activation_backward = elsewhere::bias_activation_backward,
      .bias_dropout_forward = elsewhere::bias_dropout_forward,
      .bias_dropout_backward = elsewhere::bias_dropout_backward,
      .dropout_add_layer_norm_forward = elsewhere::dropout_add_layer_norm_forward,
      .dropout_add_layer_norm_backward = elsewhere::dropout_add_layer_norm_backward,
      .attention_forward = elsewhere::attention_forward,
      .attention_backward = elsewhere::attention_backward,
      .joint_attention_forward = elsewhere::joint_attention_forward,
      .joint_attention_backward = elsewhere::joint_attention_backward,
      .embedding_forward = elsewhere::embedding_forward,
      .embedding_backward = elsewhere::embedding_backward,
      .add_column_sums = elsewhere::add_column_sums,
      .accumulate = elsewhere::accumulate,
      .quantize_rows = elsewhere::quantize_rows,
      .scale_rows = elsewhere::scale_rows,
      .bert_adam_step = elsewhere::bert_adam_step,
      .bert_adam_table_step = elsewhere::bert_adam_table_step,
      .grouped_dense_forward = elsewhere::grouped_dense_forward,
  };
  elsewhere::g_device = device;
  elsewhere::g_blocks = &blocks;
  return kTable;
}

}  // namespace pals
