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

/// Work of one head in a row of text: products of T x T x D, packing and results of T x D.
int64_t cost_of(int64_t length, int64_t head_size) {
  return length * length * (head_size + 16) + 24 * length * head_size;
}

/// visit(row, head, scratch) for all rows and heads that have tokens. A thread takes consecutive
/// tasks of about the same total cost; outputs do not depend on the shares.
template <typename Visit>
void for_rows_and_heads(const at::Tensor& cu_seqlens, int64_t tokens, int64_t num_heads,
                        int64_t head_size, bool backward, const Visit& visit) {
  const int32_t* cu = cu_seqlens.const_data_ptr<int32_t>();
  const int64_t rows = cu_seqlens.numel() - 1;
  int64_t longest = 0;
  std::vector<int64_t> cost_before(static_cast<size_t>(rows * num_heads) + 1, 0);
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t length = static_cast<int64_t>(cu[row + 1]) - cu[row];
    TORCH_CHECK(length >= 0, "cu_seqlens must not decrease");
    longest = std::max(longest, length);
    for (int64_t head = 0; head < num_heads; ++head) {
      const auto task = static_cast<size_t>(row * num_heads + head);
      cost_before[task + 1] = cost_before[task] + cost_of(length, head_size);
    }
  }
  TORCH_CHECK(static_cast<int64_t>(cu[rows]) - cu[0] <= tokens, "cu_seqlens counts ",
              static_cast<int64_t>(cu[rows]) - cu[0], " tokens, there are ", tokens);
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
  args.logsumexp = floats(logsumexp);
  args.num_heads = num_heads;
  args.head_size = q.size(1) / num_heads;
  args.scale = static_cast<float>(scale);
  args.dropout = dropout_args(dropout, rows.token_keys);
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
      rows.cu_seqlens, q.size(0), num_heads, args.head_size, false,
      [&](int64_t row, int64_t head, float* scratch) { kernel(args, row, head, scratch); });
}

void attention_backward(const at::Tensor& d_context, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const at::Tensor& logsumexp, const AttentionRows& rows,
                        int64_t num_heads, double scale, const Dropout& dropout, at::Tensor& dq,
                        at::Tensor& dk, at::Tensor& dv) {
  isa::AttentionArgs args = attention_args(q, k, v, logsumexp, rows, num_heads, scale, dropout);
  args.d_context = matrix(d_context);
  args.dq = matrix(dq);
  args.dk = matrix(dk);
  args.dv = matrix(dv);
  const auto kernel = kernels_for(q, kernels()).attention_backward;
  for_rows_and_heads(
      rows.cu_seqlens, q.size(0), num_heads, args.head_size, true,
      [&](int64_t row, int64_t head, float* scratch) { kernel(args, row, head, scratch); });
}

}  // namespace pals::cpu
