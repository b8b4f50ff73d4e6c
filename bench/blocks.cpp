// Speed of each fused block at BERT-base sizes on packed GLUE-like rows, by instruction set
// (PALS_ISA) and type. Reports bytes a second (what the block must read and write) or FLOP a second
// (attention).
#include <benchmark/benchmark.h>

#include <cmath>

#include "kernels/operations.h"

namespace pals {
namespace {

constexpr int64_t kTokens = 1150;
constexpr int64_t kHidden = 768;
constexpr int64_t kIntermediate = 3072;
constexpr int64_t kHeads = 12;

at::ScalarType type_of(const benchmark::State& state) {
  return state.range(0) == 0 ? at::kFloat : at::kBFloat16;
}

at::Tensor act(const benchmark::State& state, int64_t rows, int64_t columns) {
  return at::randn({rows, columns}).to(type_of(state));
}

at::Tensor token_keys(int64_t tokens) {
  at::Tensor keys = at::empty({tokens}, at::kInt);
  for (int64_t t = 0; t < tokens; ++t) {
    keys.mutable_data_ptr<int32_t>()[t] =
        static_cast<int32_t>(dropout_token_key(t / 36, static_cast<int32_t>(t % 36)));
  }
  return keys;
}

const Dropout kDropout = {0.1F, 12345};

/// Counts `matrices` activations of rows x columns moved in each iteration.
void count_bytes(benchmark::State& state, int64_t rows, int64_t columns, int64_t matrices) {
  const int64_t size = state.range(0) == 0 ? 4 : 2;
  state.SetBytesProcessed(state.iterations() * rows * columns * matrices * size);
  state.SetLabel(state.range(0) == 0 ? "fp32" : "bf16");
}

void gelu_forward(benchmark::State& state) {
  const at::Tensor x = act(state, kTokens, kIntermediate);
  BiasActivation block{.u = x, .bias = at::zeros({kIntermediate}), .y = at::empty_like(x)};
  for (auto _ : state) {
    bias_activation_forward(block);
  }
  count_bytes(state, kTokens, kIntermediate, 3);
}

void gelu_backward(benchmark::State& state) {
  const at::Tensor u = act(state, kTokens, kIntermediate);
  BiasActivation block{.u = u,
                       .dy = act(state, kTokens, kIntermediate),
                       .du = at::empty_like(u),
                       .bias_grad = at::zeros({kIntermediate})};
  for (auto _ : state) {
    bias_activation_backward(block);
  }
  count_bytes(state, kTokens, kIntermediate, 3);
}

void layer_norm_forward(benchmark::State& state) {
  const at::Tensor x = act(state, kTokens, kHidden), start = x.clone();
  const at::Tensor ones = at::ones({kHidden});
  AddLayerNorm block{.z = x,
                     .bias = ones,
                     .residual = act(state, kTokens, kHidden),
                     .gamma = ones,
                     .beta = ones,
                     .epsilon = 1e-12,
                     .dropout = kDropout,
                     .token_keys = token_keys(kTokens)};
  for (auto _ : state) {
    add_layer_norm_forward(block);
    state.PauseTiming();
    x.copy_(start);
    state.ResumeTiming();
  }
  count_bytes(state, kTokens, kHidden, 4);
}

void layer_norm_backward(benchmark::State& state) {
  const at::Tensor z = act(state, kTokens, kHidden);
  AddLayerNorm block{.z = z,
                     .gamma = at::ones({kHidden}),
                     .dropout = kDropout,
                     .token_keys = token_keys(kTokens),
                     .mean = at::zeros({kTokens}),
                     .rstd = at::ones({kTokens}),
                     .dy = act(state, kTokens, kHidden),
                     .dz = at::empty_like(z),
                     .dx = at::empty_like(z),
                     .gamma_grad = at::zeros({kHidden}),
                     .beta_grad = at::zeros({kHidden}),
                     .bias_grad = at::zeros({kHidden})};
  for (auto _ : state) {
    add_layer_norm_backward(block);
  }
  count_bytes(state, kTokens, kHidden, 4);
}

struct AttentionCase {
  AttentionHeads heads{.num_heads = kHeads, .scale = 0.125, .dropout = kDropout};
  AttentionRows rows;
  double flop = 0;  ///< of forward's two products

  explicit AttentionCase(const benchmark::State& state) {
    const int64_t length = state.range(1);
    const int64_t count = kTokens / length;
    const int64_t tokens = count * length;
    const at::Tensor all = act(state, tokens, 3 * kHidden);
    heads.q = all.narrow(1, 0, kHidden);
    heads.k = all.narrow(1, kHidden, kHidden);
    heads.v = all.narrow(1, 2 * kHidden, kHidden);
    rows.cu_seqlens = at::arange(0, tokens + 1, length, at::kInt);
    rows.max_seqlen = length;
    rows.token_keys = token_keys(tokens);
    flop = 4.0 * static_cast<double>(tokens * length * kHidden);
  }
};

void count_flop(benchmark::State& state, double flop) {
  state.counters["FLOP/s"] = benchmark::Counter(flop * static_cast<double>(state.iterations()),
                                                benchmark::Counter::kIsRate);
  state.SetLabel(state.range(0) == 0 ? "fp32" : "bf16");
}

void attention_forward_rows(benchmark::State& state) {
  AttentionCase c(state);
  Attention block{.heads = {&c.heads, 1}, .rows = c.rows};
  for (auto _ : state) {
    attention_forward(block);
  }
  count_flop(state, c.flop);
}

void attention_backward_rows(benchmark::State& state) {
  AttentionCase c(state);
  Attention block{.heads = {&c.heads, 1}, .rows = c.rows};
  attention_forward(block);
  c.heads.d_context = c.heads.context.clone();
  for (auto _ : state) {
    attention_backward(block);
  }
  count_flop(state, 2.5 * c.flop);
}

at::Tensor ids(int64_t below) { return at::randint(below, {kTokens}, at::TensorOptions(at::kInt)); }

void embedding_forward_and_backward(benchmark::State& state) {
  const Embedding block{.token_ids = ids(30522),
                        .position_ids = ids(36),
                        .token_type_ids = ids(2),
                        .word = at::zeros({30522, kHidden}),
                        .position = at::zeros({512, kHidden}),
                        .token_type = at::zeros({2, kHidden}),
                        .out = act(state, kTokens, kHidden)};
  for (auto _ : state) {
    embedding_forward(block);
    embedding_backward(block);
  }
  count_bytes(state, kTokens, kHidden, 4);
}

void accumulate_weight_gradient(benchmark::State& state) {
  const at::Tensor x = act(state, kHidden, kIntermediate);
  const at::Tensor target = at::zeros({kHidden, kIntermediate});
  for (auto _ : state) {
    accumulate(x, target);
  }
  state.SetBytesProcessed(state.iterations() * x.numel() * (state.range(0) == 0 ? 12 : 10));
  state.SetLabel(state.range(0) == 0 ? "fp32" : "bf16");
}

void adam(benchmark::State& state) {
  std::vector<AdamRange> ranges = {{0, 30522 * kHidden, 1e-5F, 0.01F}};
  const auto add = [&](int64_t count, float decay) {
    ranges.push_back({ranges.back().offset + ranges.back().numel, count, 1e-5F, decay});
  };
  for (int layer = 0; layer < 12; ++layer) {
    for (const int64_t count : {1, 1, 1, 1, 4, 4}) {
      add(count * kHidden * kHidden, 0.01F);
      add(count * kHidden, 0.0F);
    }
    for (int i = 0; i < 4; ++i) {
      add(kHidden, 0.0F);
    }
  }
  const int64_t size = ranges.back().offset + ranges.back().numel;
  BertAdam block{.ranges = ranges,
                 .weights = at::zeros({size}),
                 .gradients = at::randn({size}) * 1e-3,
                 .first_moment = at::zeros({size}),
                 .second_moment = at::zeros({size})};
  if (state.range(0) != 0) block.shadow = at::zeros({size}, at::kBFloat16);
  for (auto _ : state) {
    bert_adam(block);
  }
  state.SetBytesProcessed(state.iterations() * size * (state.range(0) == 0 ? 28 : 30));
  state.SetLabel(state.range(0) == 0 ? "no shadow" : "bf16 shadow");
}

#define PALS_BENCHMARK(block) \
  BENCHMARK(block)->DenseRange(0, 1)->UseRealTime()->Unit(benchmark::kMicrosecond)
PALS_BENCHMARK(gelu_forward);
PALS_BENCHMARK(gelu_backward);
PALS_BENCHMARK(layer_norm_forward);
PALS_BENCHMARK(layer_norm_backward);
PALS_BENCHMARK(embedding_forward_and_backward);
PALS_BENCHMARK(accumulate_weight_gradient);
PALS_BENCHMARK(adam);
BENCHMARK(attention_forward_rows)
    ->ArgsProduct({{0, 1}, {12, 36, 66, 128}})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(attention_backward_rows)
    ->ArgsProduct({{0, 1}, {12, 36, 66, 128}})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace pals

int main(int argc, char** argv) {
  benchmark::AddCustomContext("isa", pals::cpu_isa());
  benchmark::AddCustomContext("threads", std::to_string(at::get_num_threads()));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
}
