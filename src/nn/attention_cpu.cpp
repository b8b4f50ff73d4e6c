// Attention on CPU kernels: one task for each row of text and head, shared out by cost.
#include "nn/blocks_cpu.h"
#include "nn/cpu_support.h"

namespace pals::cpu {
namespace {

constexpr size_t kAlignment = 64;

/// Scratch memory of one thread, kept between calls.
float* thread_scratch(int64_t count) {
  thread_local std::vector<float> memory;
  const size_t needed = static_cast<size_t>(count) + kAlignment / sizeof(float);
  if (memory.size() < needed) {
    memory.resize(needed);
  }
  const auto address = reinterpret_cast<uintptr_t>(memory.data());
  return memory.data() + ((kAlignment - address % kAlignment) % kAlignment) / sizeof(float);
}

/// Work of one head in a row of text: products of Q x T x D, packing and results of T x D.
int64_t cost_of(int64_t queries, int64_t length, int64_t head_size) {
  return queries * length * (head_size + 16) + 24 * length * head_size;
}

/// The offsets of the queries; checks both kinds of offsets against the tensors they lead into.
const int32_t* check_offsets(const AttentionRows& rows, int64_t tokens, int64_t queries) {
  const int32_t* cu = rows.cu_seqlens.const_data_ptr<int32_t>();
  const int32_t* cu_queries = rows.narrowed() ? rows.cu_queries.const_data_ptr<int32_t>() : cu;
  const int64_t num_rows = rows.cu_seqlens.numel() - 1;
  for (int64_t row = 0; row < num_rows; ++row) {
    TORCH_CHECK(cu[row + 1] >= cu[row], "cu_seqlens must not decrease");
    const int64_t length = static_cast<int64_t>(cu[row + 1]) - cu[row];
    const int64_t count = static_cast<int64_t>(cu_queries[row + 1]) - cu_queries[row];
    TORCH_CHECK(count >= std::min<int64_t>(length, 1) && count <= length, "row ", row, " of ",
                length, " tokens has ", count, " queries");
  }
  TORCH_CHECK(static_cast<int64_t>(cu[num_rows]) - cu[0] <= tokens, "cu_seqlens counts ",
              static_cast<int64_t>(cu[num_rows]) - cu[0], " tokens, there are ", tokens);
  TORCH_CHECK(static_cast<int64_t>(cu_queries[num_rows]) - cu_queries[0] <= queries,
              "cu_queries counts ", static_cast<int64_t>(cu_queries[num_rows]) - cu_queries[0],
              " queries, there are ", queries);
  return cu_queries;
}

/// visit(row, head, scratch) for all rows and heads that have tokens. A thread takes consecutive
/// tasks of about the same total cost; outputs do not depend on the shares.
template <typename Visit>
void for_rows_and_heads(const isa::AttentionArgs& args, int64_t rows, bool backward,
                        const Visit& visit) {
  const int32_t* cu = args.cu_seqlens;
  const int64_t num_heads = args.num_heads, head_size = args.head_size;
  int64_t longest = 0;
  std::vector<int64_t> cost_before(static_cast<size_t>(rows * num_heads) + 1, 0);
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t length = static_cast<int64_t>(cu[row + 1]) - cu[row];
    const int64_t queries = args.cu_queries[row + 1] - args.cu_queries[row];
    longest = std::max(longest, length);
    for (int64_t head = 0; head < num_heads; ++head) {
      const auto task = static_cast<size_t>(row * num_heads + head);
      cost_before[task + 1] = cost_before[task] + cost_of(queries, length, head_size);
    }
  }
  if (longest == 0) {
    return;
  }
  const int64_t scratch = kernels().attention_scratch(longest, head_size, backward);
  const int64_t total = cost_before.back();
  const int64_t shares = std::max<int64_t>(
      1, std::min<int64_t>(at::get_num_threads(), std::min(rows * num_heads, total / 50000)));
  const auto first_task = [&](int64_t share) {
    const auto found = std::lower_bound(cost_before.begin(), cost_before.end(),
                                        total / shares * share + total % shares * share / shares);
    return share == shares ? rows * num_heads : found - cost_before.begin();
  };
  for_chunks(shares, shares, [&](int64_t share, int64_t, int64_t) {
    float* memory = thread_scratch(scratch);
    for (int64_t task = first_task(share); task < first_task(share + 1); ++task) {
      const int64_t row = task / num_heads;
      if (cu[row + 1] > cu[row]) {
        visit(row, task % num_heads, memory);
      }
    }
  });
}

isa::AttentionArgs attention_args(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const at::Tensor& logsumexp, const AttentionRows& rows,
                                  int64_t num_heads, double scale, const Dropout& dropout) {
  isa::AttentionArgs args;
  args.q = matrix(q);
  args.k = matrix(k);
  args.v = matrix(v);
  args.cu_seqlens = rows.cu_seqlens.const_data_ptr<int32_t>();
  args.cu_queries = check_offsets(rows, k.size(0), q.size(0));
  args.logsumexp = floats(logsumexp);
  args.num_heads = num_heads;
  args.head_size = q.size(1) / num_heads;
  args.scale = static_cast<float>(scale);
  args.dropout = dropout_args(dropout, rows.narrowed() ? rows.query_keys : rows.token_keys);
  return args;
}

}  // namespace

void attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const AttentionRows& rows, int64_t num_heads, double scale,
                       const Dropout& dropout, at::Tensor& context, at::Tensor& logsumexp) {
  isa::AttentionArgs args = attention_args(q, k, v, logsumexp, rows, num_heads, scale, dropout);
  args.context = matrix(context);
  const auto kernel = kernels_for(q, kernels()).attention_forward;
  for_rows_and_heads(
      args, rows.cu_seqlens.numel() - 1, false,
      [&](int64_t row, int64_t head, float* scratch) { kernel(args, row, head, scratch); });
}

void attention_backward(const at::Tensor& d_context, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const at::Tensor& /*context*/,
                        const at::Tensor& logsumexp, const AttentionRows& rows, int64_t num_heads,
                        double scale, const Dropout& dropout, at::Tensor& dq, at::Tensor& dk,
                        at::Tensor& dv) {
  isa::AttentionArgs args = attention_args(q, k, v, logsumexp, rows, num_heads, scale, dropout);
  args.d_context = matrix(d_context);
  args.dq = matrix(dq);
  args.dk = matrix(dk);
  args.dv = matrix(dv);
  const auto kernel = kernels_for(q, kernels()).attention_backward;
  for_rows_and_heads(
      args, rows.cu_seqlens.numel() - 1, true,
      [&](int64_t row, int64_t head, float* scratch) { kernel(args, row, head, scratch); });
}

}  // namespace pals::cpu
