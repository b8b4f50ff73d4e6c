#include "bert/self_attention.h"

#include <cmath>
#include <vector>

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

double scale_of(int64_t head_size) { return 1.0 / std::sqrt(static_cast<double>(head_size)); }

// The queries', keys' and values' columns.
struct Parts {
  at::Tensor q, k, v;
};

Parts parts_of(const Projections& values, int64_t size) {
  const auto part = [&](int64_t number) { return values.rest.narrow(1, number * size, size); };
  if (values.queries.defined()) return {values.queries, part(0), part(1)};
  return {part(0), part(1), part(2)};
}

template <typename Compute>
void compute(const AttentionHeads& heads, const AttentionRows& rows, const AttentionHeads* beside,
             const Compute& compute) {
  std::vector<AttentionHeads> all = {heads};
  if (beside != nullptr) all.push_back(*beside);
  Attention block{.heads = all, .rows = rows};
  compute(block);
}

}  // namespace

void attend(const AttentionHeads& heads, const AttentionRows& rows, const AttentionHeads* beside) {
  compute(heads, rows, beside, attention_forward);
}

void attend_backward(const AttentionHeads& heads, const AttentionRows& rows,
                     const AttentionHeads* beside) {
  compute(heads, rows, beside, attention_backward);
}

SelfAttention::SelfAttention(ParameterTable& table, const std::string& prefix, int64_t in_features,
                             int64_t size, int64_t num_heads, LinearOptions options)
    : qkv_(table, prefix, {"query", "key", "value"}, in_features, size, options),
      query_(qkv_.parts(0, 1)),
      key_value_(qkv_.parts(1, 2)),
      size_(size),
      num_heads_(num_heads),
      scale_(scale_of(size / num_heads)) {}

AttentionHeads SelfAttention::heads_of(const Pass& pass, int layer, DropoutSite site,
                                       const Projections& values) const {
  const Parts parts = parts_of(values, size_);
  AttentionHeads heads;
  heads.q = parts.q;
  heads.k = parts.k;
  heads.v = parts.v;
  heads.num_heads = num_heads_;
  heads.scale = scale_;
  heads.dropout = pass.attention_dropout(layer, site);
  return heads;
}

Attending SelfAttention::project(const Pass& pass, int layer, DropoutSite site,
                                 const at::Tensor& x) const {
  Attending own;
  own.x = x;
  if (pass.narrowed()) {
    own.x_queries = pass.queries(x);
    own.values = {query_.forward(pass, own.x_queries), key_value_.forward(pass, x)};
  } else {
    own.values.rest = qkv_.forward(pass, x);
  }
  own.heads = heads_of(pass, layer, site, own.values);
  own.heads.context = pass.empty(own.heads.q.sizes());
  own.heads.logsumexp = pass.empty_float({own.heads.q.size(0), num_heads_});
  return own;
}

void SelfAttention::keep(const Pass& pass, const Attending& own) const {
  pass.save(qkv_.kept(pass, own.x), query_.kept(pass, own.x_queries), own.values.queries,
            own.values.rest, own.heads.context, own.heads.logsumexp);
}

at::Tensor SelfAttention::forward(const Pass& pass, int layer, DropoutSite site,
                                  const at::Tensor& x, AttentionHeads* beside) const {
  Attending own = project(pass, layer, site, x);
  attend(own.heads, pass.rows, beside);
  keep(pass, own);
  return own.heads.context;
}

Attending SelfAttention::take(const Pass& pass, int layer, DropoutSite site,
                              const at::Tensor& d_context) const {
  const auto [x, x_queries, queries, rest, context, logsumexp] = pass.take<6>();
  Attending own{x, x_queries, {queries, rest}, {}, {}};
  own.heads = heads_of(pass, layer, site, own.values);
  own.heads.context = context;
  own.heads.logsumexp = logsumexp;
  own.heads.d_context = d_context;
  if (queries.defined()) own.gradients.queries = pass.empty(queries.sizes());
  own.gradients.rest = pass.empty(rest.sizes());
  const Parts parts = parts_of(own.gradients, size_);
  own.heads.dq = parts.q;
  own.heads.dk = parts.k;
  own.heads.dv = parts.v;
  return own;
}

at::Tensor SelfAttention::project_backward(const Pass& pass, const Attending& own,
                                           at::Tensor d_queries) const {
  const auto& [d_query, d_rest] = own.gradients;
  if (!d_query.defined()) {
    add_gradients(qkv_, pass, d_rest, own.x);
    add_backward_input(qkv_, pass, d_rest, d_queries);
    return d_queries;
  }
  add_gradients(query_, pass, d_query, own.x_queries);
  add_backward_input(query_, pass, d_query, d_queries);
  add_gradients(key_value_, pass, d_rest, own.x);
  at::Tensor dx = key_value_.backward_input(pass, d_rest);
  pass.add_to_queries(dx, d_queries);
  return dx;
}

at::Tensor SelfAttention::backward(const Pass& pass, int layer, DropoutSite site,
                                   const at::Tensor& d_context, at::Tensor d_queries,
                                   AttentionHeads* beside) const {
  Attending own = take(pass, layer, site, d_context);
  attend_backward(own.heads, pass.rows, beside);
  return project_backward(pass, own, std::move(d_queries));
}

}  // namespace pals
