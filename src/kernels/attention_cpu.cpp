// Attention on CPU kernels: one task for each row of text and head, shared out by cost.
#include "kernels/backend.h"
#include "kernels/cpu_support.h"

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

/// Checks offsets against the tensors they lead into.
void check_offsets(const AttentionRows& rows, int64_t tokens, int64_t queries) {
  const int32_t* cu = ints(rows.cu_seqlens);
  const int32_t* cu_queries = rows.narrowed() ? ints(rows.cu_queries) : cu;
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

enum class Direction { kForward, kBackward };

void attend(const Attention& block, Direction direction) {
  const AttentionRows& rows = block.rows;
  const bool backward = direction == Direction::kBackward;
  for (const AttentionHeads& heads : block.heads) {
    check_offsets(rows, heads.k.size(0), heads.q.size(0));
    const isa::AttentionArgs args = pack(heads, rows);
    const isa::ActivationKernels& kernels = kernels_for(heads.q);
    const auto kernel = backward ? kernels.attention_backward : kernels.attention_forward;
    for_rows_and_heads(
        args, rows.cu_seqlens.numel() - 1, backward,
        [&](int64_t row, int64_t head, float* scratch) { kernel(args, row, head, scratch); });
  }
}

}  // namespace

void attention_forward(const Attention& block) { attend(block, Direction::kForward); }
void attention_backward(const Attention& block) { attend(block, Direction::kBackward); }

}  // namespace pals::cpu
