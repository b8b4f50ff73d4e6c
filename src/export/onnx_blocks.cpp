#include "export/onnx_blocks.h"

#include <cmath>
#include <limits>

#include "base/error.h"

namespace pals {
namespace {

const OnnxAttribute& last_axis() {
  static const OnnxAttribute attribute{"axis", int64_t{-1}};
  return attribute;
}

}  // namespace

OnnxBlocks::OnnxBlocks(const ExportedModel& model, OnnxGraph& graph)
    : model_(model), graph_(graph), layer_norm_eps_(model.bert().layer_norm_eps) {
  const std::vector<OnnxSize> shape = {"batch", "sequence"};
  ids_ = graph.add_input("input_ids", OnnxType::kInt64, shape);
  const OnnxValue attended = graph.add_input("attention_mask", OnnxType::kInt64, shape);
  types_ = graph.add_input("token_type_ids", OnnxType::kInt64, shape);
  graph.set_scope("mask.");
  const OnnxAttribute to_float{"to", static_cast<int64_t>(OnnxType::kFloat)};
  const OnnxValue left_out =
      graph.apply("Sub", {graph.number(1.0F), graph.apply("Cast", {attended}, {to_float})});
  const OnnxValue least = graph.number(std::numeric_limits<float>::lowest());
  mask_ = graph.apply("Unsqueeze", {multiply(left_out, least), graph.integers({1, 2})});
}

OnnxValue OnnxBlocks::embeddings() {
  const auto table = [&](const char* name) {
    return graph_.weight(model_.tensor(concat("embeddings.", name, "_embeddings.weight")));
  };
  const OnnxValue length =
      graph_.apply("Shape", {ids_}, {{"start", int64_t{1}}, {"end", int64_t{2}}});
  const OnnxValue zero = graph_.integers({0});
  const OnnxValue positions = graph_.apply("Slice", {table("position"), zero, length, zero});
  const OnnxValue words = graph_.apply("Gather", {table("word"), ids_});
  const OnnxValue types = graph_.apply("Gather", {table("token_type"), types_});
  return layer_norm("embeddings.", add(add(words, types), positions));
}

OnnxValue OnnxBlocks::dense(const std::string& prefix, const OnnxValue& x, const OnnxTerm& term) {
  const OnnxValue weight = graph_.transposed(model_.tensor(prefix + "weight"));
  const OnnxValue product = graph_.apply("MatMul", {x, weight});
  const OnnxValue y = add(product, graph_.weight(model_.tensor(prefix + "bias")));
  const OnnxValue more = term ? term(prefix, x) : OnnxValue();
  return more.empty() ? y : add(y, more);
}

OnnxValue OnnxBlocks::layer_norm(const std::string& prefix, const OnnxValue& x) {
  return graph_.apply("LayerNormalization",
                      {x, graph_.weight(model_.tensor(prefix + "LayerNorm.weight")),
                       graph_.weight(model_.tensor(prefix + "LayerNorm.bias"))},
                      {last_axis(), {"epsilon", static_cast<float>(layer_norm_eps_)}});
}

OnnxValue OnnxBlocks::scale(const OnnxValue& x, double factor) {
  return multiply(x, graph_.number(static_cast<float>(factor)));
}

// x (1 + erf(x / sqrt 2)) / 2
OnnxValue OnnxBlocks::gelu(const OnnxValue& x) {
  const OnnxValue erf = graph_.apply("Erf", {scale(x, M_SQRT1_2)});
  return multiply(scale(x, 0.5), add(erf, graph_.number(1.0F)));
}

// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
OnnxValue OnnxBlocks::gelu_new(const OnnxValue& x) {
  const OnnxValue cube = multiply(multiply(x, x), x);
  const OnnxValue inner = scale(add(x, scale(cube, 0.044715)), std::sqrt(2.0 / M_PI));
  return multiply(scale(x, 0.5), add(graph_.apply("Tanh", {inner}), graph_.number(1.0F)));
}

OnnxValue OnnxBlocks::activation(Activation activation, const OnnxValue& x) {
  switch (activation) {
    case Activation::kGelu:
      return gelu(x);
    case Activation::kGeluNew:
      return gelu_new(x);
    case Activation::kRelu:
      return graph_.apply("Relu", {x});
    case Activation::kSilu:
      return multiply(x, graph_.apply("Sigmoid", {x}));
  }
  return x;
}

OnnxValue OnnxBlocks::bottleneck(const std::string& prefix, Activation activation,
                                 const OnnxValue& x) {
  const OnnxValue inner = this->activation(activation, dense(prefix + "down.", x));
  return dense(prefix + "up.", inner);
}

// [B, T, N D] -> [B, T, N, D] in another order.
OnnxValue OnnxBlocks::heads(const OnnxValue& x, int64_t num_heads, int64_t head_size,
                            const std::vector<int64_t>& order) {
  const OnnxValue shape = graph_.integers({0, 0, num_heads, head_size});
  return graph_.apply("Transpose", {graph_.apply("Reshape", {x, shape})}, {{"perm", order}});
}

OnnxValue OnnxBlocks::attention(const std::string& prefix, const OnnxValue& x, int64_t num_heads,
                                const OnnxTerm& term) {
  const int64_t size = model_.tensor(prefix + "query.weight").shape[0];
  const int64_t head_size = size / num_heads;
  const OnnxValue q = heads(dense(prefix + "query.", x, term), num_heads, head_size, {0, 2, 1, 3});
  const OnnxValue k = heads(dense(prefix + "key.", x, term), num_heads, head_size, {0, 2, 3, 1});
  const OnnxValue v = heads(dense(prefix + "value.", x, term), num_heads, head_size, {0, 2, 1, 3});
  const OnnxValue scores =
      scale(graph_.apply("MatMul", {q, k}), 1.0 / std::sqrt(static_cast<double>(head_size)));
  const OnnxValue shares = graph_.apply("Softmax", {add(scores, mask_)}, {last_axis()});
  const OnnxValue context = graph_.apply("Transpose", {graph_.apply("MatMul", {shares, v})},
                                         {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
  return graph_.apply("Reshape", {context, graph_.integers({0, 0, size})});
}

OnnxValue OnnxBlocks::first_tokens(const OnnxValue& x) {
  const OnnxValue first = graph_.apply("Gather", {x, graph_.integers({0})}, {{"axis", int64_t{1}}});
  return graph_.apply("Squeeze", {first, graph_.integers({1})});
}

}  // namespace pals
