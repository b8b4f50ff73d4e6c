// Embeddings and the optimizer on CPU kernels.
#include <cmath>

#include "nn/blocks_cpu.h"
#include "nn/cpu_support.h"

namespace pals::cpu {
namespace {

/// Kernels index tables without looking: hostile ids end here.
void check_ids(const at::Tensor& ids, const at::Tensor& table, const char* name) {
  if (!table.defined()) {
    return;
  }
  const int32_t* id = ids.const_data_ptr<int32_t>();
  for (int64_t m = 0; m < ids.numel(); ++m) {
    TORCH_CHECK(id[m] >= 0 && id[m] < table.size(0), name, " ", id[m], " at token ", m,
                ": the table has ", table.size(0), " rows");
  }
}

isa::EmbeddingArgs embedding_args(const at::Tensor& token_ids, const at::Tensor& position_ids,
                                  const at::Tensor& token_type_ids, const at::Tensor& word,
                                  const at::Tensor& position, const at::Tensor& token_type,
                                  const at::Tensor& out) {
  check_ids(token_ids, word, "token id");
  check_ids(position_ids, position, "position");
  check_ids(token_type_ids, token_type, "token type");
  isa::EmbeddingArgs args;
  args.token_ids = token_ids.const_data_ptr<int32_t>();
  args.position_ids = position_ids.const_data_ptr<int32_t>();
  args.token_type_ids = token_type_ids.const_data_ptr<int32_t>();
  args.word = floats(word);
  args.position = floats(position);
  args.token_type = floats(token_type);
  args.out = matrix(out);
  args.columns = out.size(1);
  return args;
}

/// A piece of one optimizer range.
struct Piece {
  size_t range;
  int64_t begin, end;
};

constexpr int64_t kPieceElements = 32768;    // per piece: pieces are what threads take
constexpr int64_t kGroupElements = 1 << 20;  // gradients that stay in cache between the two passes

/// Norms, then updates, of all pieces of a group of whole ranges.
void step_group(const std::vector<AdamRange>& ranges, const std::vector<Piece>& pieces,
                const BertAdamOptions& options, isa::AdamArgs shared) {
  const isa::KernelTable& table = kernels();
  const auto count = static_cast<int64_t>(pieces.size());
  const int64_t chunks = std::min<int64_t>(count, at::get_num_threads());
  std::vector<double> squares(pieces.size());
  for_chunks(count, chunks, [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Piece& piece = pieces[static_cast<size_t>(i)];
      squares[static_cast<size_t>(i)] =
          table.sum_of_squares(shared.gradients + piece.begin, piece.end - piece.begin);
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
      args.clip = static_cast<float>(std::min(1.0, options.max_grad_norm / (norm + 1e-6)));
      args.learning_rate = ranges[piece.range].learning_rate;
      args.weight_decay = ranges[piece.range].weight_decay;
      table.bert_adam(args, piece.begin, piece.end);
    }
  });
}

}  // namespace

void embedding_forward(const at::Tensor& token_ids, const at::Tensor& position_ids,
                       const at::Tensor& token_type_ids, const at::Tensor& word,
                       const at::Tensor& position, const at::Tensor& token_type, at::Tensor& out) {
  const isa::EmbeddingArgs args =
      embedding_args(token_ids, position_ids, token_type_ids, word, position, token_type, out);
  const auto kernel = kernels_for(out, kernels()).embedding_forward;
  for_chunks(out.size(0), chunks_of(out.size(0), out.size(1)),
             [&](int64_t, int64_t begin, int64_t end) { kernel(args, begin, end); });
}

void embedding_backward(const at::Tensor& d_out, const at::Tensor& token_ids,
                        const at::Tensor& position_ids, const at::Tensor& token_type_ids,
                        at::Tensor word_grad, at::Tensor position_grad,
                        at::Tensor token_type_grad) {
  const isa::EmbeddingArgs args = embedding_args(token_ids, position_ids, token_type_ids, word_grad,
                                                 position_grad, token_type_grad, d_out);
  const auto kernel = kernels_for(d_out, kernels()).embedding_backward;
  // Threads share columns, so that each sum is made in the order of tokens.
  const int64_t lines = (args.columns + 15) / 16;
  const int64_t chunks = std::min(lines, chunks_of(d_out.size(0), args.columns));
  for_chunks(lines, chunks, [&](int64_t, int64_t begin, int64_t end) {
    kernel(args, d_out.size(0), begin * 16, std::min(end * 16, args.columns));
  });
}

void bert_adam_step(const std::vector<AdamRange>& ranges, const BertAdamOptions& options,
                    at::Tensor weights, const at::Tensor& gradients, at::Tensor first_moment,
                    at::Tensor second_moment, at::Tensor shadow) {
  if (options.overflow != nullptr && options.overflow->item<float>() != 0.0F) return;
  isa::AdamArgs args;
  args.weights = floats(weights);
  args.gradients = floats(gradients);
  args.first_moment = floats(first_moment);
  args.second_moment = floats(second_moment);
  args.shadow = shadow.defined() ? static_cast<uint16_t*>(shadow.mutable_data_ptr()) : nullptr;
  args.beta1 = options.beta1;
  args.beta2 = options.beta2;
  args.epsilon = options.epsilon;
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
      step_group(ranges, pieces, options, args);
      pieces.clear();
      elements = 0;
    }
  }
}

}  // namespace pals::cpu
