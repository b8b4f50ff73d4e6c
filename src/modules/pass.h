// One forward (and backward) pass over a packed batch: what every module needs to know.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "batch/packed_batch.h"
#include "kernels/operations.h"
#include "kernels/side_stream.h"
#include "kernels/upload.h"
#include "modules/int8_weights.h"
#include "modules/product.h"
#include "parameters/parameter_arena.h"

namespace pals {

/// Tensors that forward keeps for backward. Backward runs in exactly the reverse order, so a stack
/// is all it takes: what was saved last is taken first.
class Tape {
 public:
  template <typename... Tensors>
  void save(const Tensors&... tensors) {
    (stack_.push_back(tensors), ...);
  }

  /// The N tensors of the last save(), in the order in which they were given.
  template <size_t N>
  std::array<at::Tensor, N> take() {
    TORCH_CHECK(stack_.size() >= N, "Tape: more taken than saved");
    std::array<at::Tensor, N> tensors;
    for (size_t i = N; i-- > 0;) {
      tensors[i] = std::move(stack_.back());
      stack_.pop_back();
    }
    return tensors;
  }

  bool empty() const { return stack_.empty(); }

 private:
  std::vector<at::Tensor> stack_;
};

/// Probabilities and key of dropout in one training step; all zero in evaluation.
struct DropoutState {
  float hidden = 0.0F, attention = 0.0F;
  uint64_t seed = 0, step = 0;
  /// [places] int64 on the device, the keys of all places (dropout_keys), for work that is
  /// recorded; else undefined.
  at::Tensor device_keys = {};
};

/// Places of dropout within a layer. An encoder layer's place is layer * kDropoutPlaces + site.
enum DropoutSite : uint32_t {
  kAttentionProbabilities,
  kAttentionOutput,
  kFeedForwardOutput,
  kAdapterAttention,
  kEmbeddings,
  kHead,
  kDropoutPlaces = 16
};

/// Rows of text with what the host, too, must know of them: it slices by these offsets, and never
/// reads the device's.
struct PassRows : AttentionRows {
  at::Tensor host_cu_seqlens, host_cu_queries;  ///< [B+1] int32 on the CPU, as the device's
  at::Tensor query_positions;  ///< [Q] int64: the queries among the tokens, if narrowed
};

/// The keys of a step at the places of `layers` layers, as device_keys has them.
std::vector<int64_t> dropout_keys(uint64_t seed, uint64_t step, int layers);

struct SegmentTerms;  // modules/low_rank_term.h

/// The parameters of a task that a model took in at run time, apart from the model's own; the rest
/// as in Pass.
struct TaskParameters {
  ParameterArena arena;
  ParameterTable folded_table = {};
  std::unique_ptr<Int8Weights> int8 = nullptr;
  std::unique_ptr<PackedWeights> packed = nullptr;
  std::unique_ptr<ParameterArena> folded = nullptr;
};

/// A run of consecutive rows: the whole batch, or one task's segment of it. S tokens, Q of them
/// queries: the tokens whose outputs are wanted (kernels/operations.h, AttentionRows). Modules give
/// [Q, ...] for [S, ...]; only the last one of a network meets a narrowed pass, where Q is not S.
struct Pass {
  const ParameterArena& arena;
  at::ScalarType type;  ///< of activations: fp32, bf16 or fp16
  PassRows rows;
  DropoutState dropout;
  Tape* tape = nullptr;             ///< null: no backward will follow
  Int8Weights* int8 = nullptr;      ///< null: all layers compute in `type`
  PackedWeights* packed = nullptr;  ///< null: weights may change
  /// Not null: rows of several tasks, whose dense layers are each segment's task's own. `arena`
  /// lays tasks out alike. Forward only, where groups_dense().
  const std::vector<Segment>* segments = nullptr;
  /// Not null: layers that prediction takes together (Linear::fold), laid out as `arena`'s tasks.
  const ParameterArena* folded = nullptr;
  /// Not null: what the segments' tasks add to the products of shared dense layers. Modules of a
  /// task's own get passes without (of_task, slice).
  const std::vector<SegmentTerms>* terms = nullptr;
  /// Encoder layers keep their inputs alone, and compute the rest again for backward.
  bool recompute = false;
  /// Not null: where backward computes what it does not read itself.
  SideStream* beside = nullptr;
  /// The first encoder layer with something in it that trains: layers below it need no backward.
  /// -1: the embeddings train too.
  int trains_from = -1;

  template <typename... Tensors>
  void save(const Tensors&... tensors) const {
    if (tape != nullptr) tape->save(tensors...);
  }
  template <size_t N>
  std::array<at::Tensor, N> take() const {
    return tape->take<N>();
  }

  /// Runs work whose results nothing of this pass reads: beside the rest where there is a place.
  void aside(std::function<void()> work) const {
    if (beside != nullptr) {
      beside->run(std::move(work));
    } else {
      work();
    }
  }

  Dropout hidden_dropout(int layer, DropoutSite site) const;
  Dropout attention_dropout(int layer, DropoutSite site) const;

  /// An uninitialised activation.
  at::Tensor empty(at::IntArrayRef shape) const { return empty_activation(shape, options(type)); }
  at::Tensor empty_float(at::IntArrayRef shape) const {
    return at::empty(shape, options(at::kFloat));
  }
  /// An activation of zeros.
  at::Tensor zeros(at::IntArrayRef shape) const { return at::zeros(shape, options(type)); }

  bool narrowed() const { return rows.narrowed(); }
  int64_t num_tokens() const { return rows.token_keys.size(0); }
  int64_t num_queries() const {
    return narrowed() ? rows.query_keys.size(0) : rows.token_keys.size(0);
  }

  /// The same pass, every token a query.
  Pass of_all_tokens() const;
  /// A pass over the queries alone, for functions that work token by token.
  Pass of_queries() const;
  /// x [S, ...] at the queries: [Q, ...].
  at::Tensor queries(const at::Tensor& x) const;
  /// x [S, ...] += y [Q, ...] at the queries.
  void add_to_queries(at::Tensor& x, const at::Tensor& y) const;

  /// The same pass on the parameters of `folded`.
  Pass of_folded() const;

  /// The same pass for modules of a task's own, on its parameters in `own`; null: they are here.
  Pass of_task(const TaskParameters* own) const;

  /// The same pass on the segment's rows, without `terms`.
  Pass slice(const Segment& segment) const;
  /// The segment's part of x [S, ...].
  at::Tensor tokens_of(const at::Tensor& x, const Segment& segment) const;
  /// The segment's part of y [Q, ...].
  at::Tensor queries_of(const at::Tensor& y, const Segment& segment) const;

 private:
  Dropout dropout_at(float p, int layer, DropoutSite site) const;
  at::TensorOptions options(at::ScalarType of) const {
    return at::TensorOptions(of).device(arena.device());
  }
};

/// Whether the heads of a segment read all its tokens, or the first of each row alone.
using ReadsTokens = std::function<bool(const Segment& segment)>;

/// The integer tensors of a batch on the device, there once the upload is sent.
struct BatchTensors {
  /// With `reads_tokens` the rows are narrowed to what is read; where that is all, and without it,
  /// every token is a query.
  BatchTensors(const PackedBatch& batch, Upload& upload, const ReadsTokens& reads_tokens = nullptr);

  at::Tensor token_ids, token_type_ids, position_ids;  ///< [S] int32
  PassRows rows;
  at::Tensor first_queries;  ///< [B] int64: the number of each row's first query
  at::Tensor first_keys;     ///< [B] int32: the dropout keys of the rows' first tokens
};

/// Bytes to expect of a batch's tensors and of what its losses need.
int64_t upload_bytes(int64_t rows, int64_t tokens);
inline int64_t upload_bytes(const PackedBatch& batch) {
  return upload_bytes(batch.num_rows(), batch.num_tokens());
}

}  // namespace pals
