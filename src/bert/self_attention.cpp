#include "bert/self_attention.h"

#include <cmath>

// Shapes: S tokens of all rows, Q of them queries, D size.
namespace pals {
namespace {

// The gradient of a layer's input on top of what is there already.
void add_backward_input(const Linear& linear, const Pass& pass, const at::Tensor& dy,
                        at::Tensor& dx) {
  if (dx.defined()) {
    linear.backward_input_add(pass, dy, dx);
  } else {
    dx = linear.backward_input(pass, dy);
  }
}

void add_gradients(const Linear& linear, const Pass& pass, const at::Tensor& dy,
                   const at::Tensor& x) {
  linear.backward_bias(pass, dy);
  linear.backward_weight(pass, dy, x);
}

}  // namespace

SelfAttention::SelfAttention(ParameterTable& table, const std::string& prefix, int64_t size,
                             int64_t num_heads, LinearOptions options)
    : qkv_(table, prefix, {"query", "key", "value"}, size, size, options),
      query_(qkv_.parts(0, 1)),
      key_value_(qkv_.parts(1, 2)),
      size_(size),
      num_heads_(num_heads),
      scale_(1.0 / std::sqrt(static_cast<double>(size / num_heads))) {}

at::Tensor SelfAttention::forward(const Pass& pass, int layer, DropoutSite site,
                                  const at::Tensor& x) const {
  at::Tensor query, key_value;
  if (pass.narrowed()) {
    const at::Tensor x_queries = pass.queries(x);
    query = query_.forward(pass, x_queries);
    key_value = key_value_.forward(pass, x);
    pass.save(key_value_.kept(pass, x), query_.kept(pass, x_queries), query, key_value);
  } else {
    const at::Tensor qkv = qkv_.forward(pass, x);  // [S, 3D]
    query = qkv.narrow(1, 0, size_);
    key_value = qkv.narrow(1, size_, 2 * size_);
    pass.save(qkv_.kept(pass, x), qkv);
  }
  at::Tensor context = pass.empty(query.sizes());
  at::Tensor logsumexp = pass.empty_float({query.size(0), num_heads_});
  attention_forward(query, key_value.narrow(1, 0, size_), key_value.narrow(1, size_, size_),
                    pass.rows, num_heads_, scale_, pass.attention_dropout(layer, site), context,
                    logsumexp);
  pass.save(context, logsumexp);
  return context;
}

at::Tensor SelfAttention::backward_whole(const Pass& pass, const Dropout& dropout,
                                         const at::Tensor& d_context, at::Tensor d_queries) const {
  const auto [context, logsumexp] = pass.take<2>();
  const auto [x, qkv] = pass.take<2>();
  const auto part = [&](const at::Tensor& fused, int64_t number) {
    return fused.narrow(1, number * size_, size_);
  };
  at::Tensor d_qkv = pass.empty(qkv.sizes());
  at::Tensor dq = part(d_qkv, 0), dk = part(d_qkv, 1), dv = part(d_qkv, 2);
  attention_backward(d_context, part(qkv, 0), part(qkv, 1), part(qkv, 2), context, logsumexp,
                     pass.rows, num_heads_, scale_, dropout, dq, dk, dv);
  add_gradients(qkv_, pass, d_qkv, x);
  add_backward_input(qkv_, pass, d_qkv, d_queries);
  return d_queries;
}

at::Tensor SelfAttention::backward_narrowed(const Pass& pass, const Dropout& dropout,
                                            const at::Tensor& d_context,
                                            at::Tensor d_queries) const {
  const auto [context, logsumexp] = pass.take<2>();
  const auto [x, x_queries, query, key_value] = pass.take<4>();
  at::Tensor dq = pass.empty(query.sizes()), d_key_value = pass.empty(key_value.sizes());
  at::Tensor dk = d_key_value.narrow(1, 0, size_), dv = d_key_value.narrow(1, size_, size_);
  attention_backward(d_context, query, key_value.narrow(1, 0, size_),
                     key_value.narrow(1, size_, size_), context, logsumexp, pass.rows, num_heads_,
                     scale_, dropout, dq, dk, dv);
  add_gradients(query_, pass, dq, x_queries);
  add_backward_input(query_, pass, dq, d_queries);
  add_gradients(key_value_, pass, d_key_value, x);
  at::Tensor dx = key_value_.backward_input(pass, d_key_value);
  pass.add_to_queries(dx, d_queries);
  return dx;
}

at::Tensor SelfAttention::backward(const Pass& pass, int layer, DropoutSite site,
                                   const at::Tensor& d_context, at::Tensor d_queries) const {
  const Dropout dropout = pass.attention_dropout(layer, site);
  return pass.narrowed() ? backward_narrowed(pass, dropout, d_context, std::move(d_queries))
                         : backward_whole(pass, dropout, d_context, std::move(d_queries));
}

}  // namespace pals
