#include "simulated_blocks.h"

#include <tuple>
#include <type_traits>

#include "nn/device.h"
#include "simulated_memory.h"

namespace pals::testing {
namespace {

// An argument of a block, as the CPU's block sees it.
template <typename T>
T on_host(const T& value) {
  return value;
}
at::Tensor on_host(const at::Tensor& value) { return as_host(value); }
AttentionRows on_host(AttentionRows rows) {
  for (at::Tensor* tensor :
       {&rows.cu_seqlens, &rows.token_keys, &rows.cu_queries, &rows.query_keys}) {
    *tensor = as_host(*tensor);
  }
  return rows;
}

Dropout on_host(Dropout dropout) {
  if (dropout.device_key != nullptr) dropout.key = *dropout.device_key;
  return dropout;
}

template <typename T>
bool is_half(const T&) {
  return false;
}
bool is_half(const at::Tensor& x) { return x.defined() && x.scalar_type() == at::kHalf; }

// The block of the table's member on the CPU; CPU kernels do not know fp16.
template <auto kMember, typename... Arguments>
void run_block(Arguments... arguments) {
  const Running running;
  std::tuple<std::decay_t<Arguments>...> host{on_host(arguments)...};
  const BlockTable& table = (is_half(arguments) || ...) ? plain::block_table() : cpu::block_table();
  std::apply([&](auto&... values) { (table.*kMember)(values...); }, host);
}

template <auto kMember>
struct Wrapped {
  template <typename... Arguments>
  static constexpr auto make(void (*BlockTable::*)(Arguments...)) {
    return &run_block<kMember, Arguments...>;
  }
  static constexpr auto value = make(kMember);
};

void bert_adam_step_on_host(const std::vector<AdamRange>& ranges, const BertAdamOptions& options,
                            at::Tensor weights, const at::Tensor& gradients,
                            at::Tensor first_moment, at::Tensor second_moment, at::Tensor shadow) {
  const Running running;
  at::Tensor overflow;
  BertAdamOptions own = options;
  if (options.overflow != nullptr) {
    overflow = as_host(*options.overflow);
    own.overflow = &overflow;
  }
  const BlockTable& table = is_half(shadow) ? plain::block_table() : cpu::block_table();
  table.bert_adam_step(ranges, own, as_host(weights), as_host(gradients), as_host(first_moment),
                       as_host(second_moment), as_host(shadow));
}

// The CPU has none of their own.
void joint_attention_forward_on_host(AttentionHeads& first, AttentionHeads& second,
                                     const AttentionRows& rows) {
  for (AttentionHeads* heads : {&first, &second}) {
    Wrapped<&BlockTable::attention_forward>::value(heads->q, heads->k, heads->v, rows,
                                                   heads->num_heads, heads->scale, heads->dropout,
                                                   heads->context, heads->logsumexp);
  }
}

void joint_attention_backward_on_host(AttentionHeads& first, AttentionHeads& second,
                                      const AttentionRows& rows) {
  for (AttentionHeads* heads : {&first, &second}) {
    Wrapped<&BlockTable::attention_backward>::value(
        heads->d_context, heads->q, heads->k, heads->v, heads->context, heads->logsumexp, rows,
        heads->num_heads, heads->scale, heads->dropout, heads->dq, heads->dk, heads->dv);
  }
}

void grouped_dense_on_host(const std::vector<DenseGroup>& groups, const at::Tensor& weights,
                           const at::Tensor& biases, std::optional<Activation> activation,
                           const at::Tensor& x, at::Tensor& y) {
  const Running running;
  at::Tensor result = as_host(y);
  plain::block_table().grouped_dense_forward(groups, as_host(weights), as_host(biases), activation,
                                             as_host(x), result);
}

}  // namespace

const BlockTable& simulated_blocks() {
  static constexpr BlockTable table = {
      .bias_activation_forward = Wrapped<&BlockTable::bias_activation_forward>::value,
      .bias_activation_backward = Wrapped<&BlockTable::bias_activation_backward>::value,
      .bias_dropout_forward = Wrapped<&BlockTable::bias_dropout_forward>::value,
      .bias_dropout_backward = Wrapped<&BlockTable::bias_dropout_backward>::value,
      .dropout_add_layer_norm_forward = Wrapped<&BlockTable::dropout_add_layer_norm_forward>::value,
      .dropout_add_layer_norm_backward =
          Wrapped<&BlockTable::dropout_add_layer_norm_backward>::value,
      .attention_forward = Wrapped<&BlockTable::attention_forward>::value,
      .attention_backward = Wrapped<&BlockTable::attention_backward>::value,
      .joint_attention_forward = joint_attention_forward_on_host,
      .joint_attention_backward = joint_attention_backward_on_host,
      .embedding_forward = Wrapped<&BlockTable::embedding_forward>::value,
      .embedding_backward = Wrapped<&BlockTable::embedding_backward>::value,
      .add_column_sums = Wrapped<&BlockTable::add_column_sums>::value,
      .accumulate = Wrapped<&BlockTable::accumulate>::value,
      .quantize_rows = Wrapped<&BlockTable::quantize_rows>::value,
      .scale_rows = Wrapped<&BlockTable::scale_rows>::value,
      .bert_adam_step = bert_adam_step_on_host,
      .bert_adam_table_step = Wrapped<&BlockTable::bert_adam_table_step>::value,
      .grouped_dense_forward = grouped_dense_on_host,
  };
  return table;
}

}  // namespace pals::testing
