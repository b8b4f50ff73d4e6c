// The optimizer on CPU kernels.
#include <cmath>

#include "kernels/backend.h"
#include "kernels/cpu_support.h"

namespace pals::cpu {
namespace {

/// A piece of one optimizer range.
struct Piece {
  size_t range;
  int64_t begin, end;
};

constexpr int64_t kPieceElements = 32768;    // per piece: pieces are what threads take
constexpr int64_t kGroupElements = 1 << 20;  // gradients that stay in cache between the two passes

/// Norms, then updates, of all pieces of a group of whole ranges.
void step_group(const std::vector<AdamRange>& ranges, const std::vector<Piece>& pieces,
                float max_grad_norm, const isa::AdamArgs& shared) {
  const isa::CpuKernels& kernels = cpu::kernels();
  const auto count = static_cast<int64_t>(pieces.size());
  const int64_t chunks = std::min<int64_t>(count, at::get_num_threads());
  std::vector<double> squares(pieces.size());
  for_chunks(count, chunks, [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Piece& piece = pieces[static_cast<size_t>(i)];
      squares[static_cast<size_t>(i)] =
          kernels.sum_of_squares(shared.gradients + piece.begin, piece.end - piece.begin);
    }
  });
  std::vector<double> total(ranges.size(), 0.0);
  for (size_t i = 0; i < pieces.size(); ++i) {
    total[pieces[i].range] += squares[i];
  }
  for_chunks(count, chunks, [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Piece& piece = pieces[static_cast<size_t>(i)];
      const double norm = std::sqrt(total[piece.range]);
      isa::AdamArgs args = shared;
      args.clip = static_cast<float>(std::min(1.0, max_grad_norm / (norm + 1e-6)));
      args.learning_rate = ranges[piece.range].learning_rate;
      args.weight_decay = ranges[piece.range].weight_decay;
      if (args.shadow != nullptr) args.shadow += ranges[piece.range].shadow_shift;
      if (ranges[piece.range].columns > 0) args.shadow = nullptr;  // below
      kernels.bert_adam(args, piece.begin, piece.end);
    }
  });
}

}  // namespace

void bert_adam(const BertAdam& block) {
  if (block.shadow.defined() && block.shadow.scalar_type() != at::kBFloat16) {
    return plain::bert_adam(block);
  }
  if (block.overflow.defined() && block.overflow.item<float>() != 0.0F) return;
  isa::AdamArgs args;
  args.weights = floats(block.weights);
  args.gradients = floats(block.gradients);
  args.first_moment = floats(block.first_moment);
  args.second_moment = floats(block.second_moment);
  if (block.shadow.defined()) args.shadow = static_cast<uint16_t*>(block.shadow.mutable_data_ptr());
  args.beta1 = block.beta1;
  args.beta2 = block.beta2;
  args.epsilon = block.epsilon;
  const std::vector<AdamRange> ranges = ranges_of(block);
  std::vector<Piece> pieces;
  int64_t elements = 0;
  for (size_t r = 0; r < ranges.size(); ++r) {
    const AdamRange& range = ranges[r];
    for (int64_t done = 0; done < range.numel; done += kPieceElements) {
      const int64_t size = std::min(kPieceElements, range.numel - done);
      pieces.push_back({r, range.offset + done, range.offset + done + size});
    }
    elements += range.numel;
    if (elements >= kGroupElements || (r + 1 == ranges.size() && elements > 0)) {
      step_group(ranges, pieces, block.max_grad_norm, args);
      pieces.clear();
      elements = 0;
    }
  }
  // Rows with gaps are those of devices, which this stands in for in tests.
  for (const AdamRange& range : ranges) {
    if (!block.shadow.defined() || range.columns == 0) continue;
    const auto [weights, shadow] = shadowed_weights(block, range);
    shadow.copy_(weights);
  }
}

}  // namespace pals::cpu
