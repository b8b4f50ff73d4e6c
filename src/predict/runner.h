// What runs batches: plain numbers in and out, whatever computes behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "batch/packed_batch.h"
#include "options/choices.h"

namespace pals {

/// How rows become vectors, one each.
struct VectorOptions {
  Pooling pooling = Pooling::kMean;
  bool normalize = false;  ///< to length 1

  bool operator==(const VectorOptions&) const = default;
};

/// What is computed of a batch of B rows and S tokens.
struct Wanted {
  /// For each segment the tasks whose heads read its rows. All must share the trunk of the
  /// segment's task (Runner::shares_trunk). Empty: no heads.
  std::vector<std::vector<int>> heads = {};
  bool losses = false;  ///< of the examples; each segment is asked for its own head alone
  std::optional<VectorOptions> vectors = {};
  std::vector<int> layers = {};  ///< numbers of encoder layers, from 0, whose outputs are wanted
};

/// What a task's head gives for the rows of one segment.
struct HeadOutputs {
  int task = 0;
  std::vector<int64_t> offsets = {0};  ///< [rows + 1], where each row's logits begin
  std::vector<float> logits;           ///< row by row; of a head that reads tokens, token by token

  std::span<const float> row(int64_t row) const {
    const auto r = static_cast<size_t>(row);
    return std::span(logits).subspan(static_cast<size_t>(offsets[r]),
                                     static_cast<size_t>(offsets[r + 1] - offsets[r]));
  }
};

/// What was computed of a batch.
struct RunOutputs {
  std::vector<HeadOutputs> heads;          ///< segment by segment, in the order of Wanted::heads
  std::vector<double> losses;              ///< [G], a number for each example
  std::vector<float> vectors;              ///< [B, H]
  std::vector<std::vector<float>> layers;  ///< [S, H] for each of Wanted::layers
};

/// What a head gives for one row: `outputs` numbers, or as many for each token.
struct HeadShape {
  int64_t outputs = 1;
  bool reads_tokens = false;

  int64_t size(int64_t rows, int64_t tokens) const {
    return (reads_tokens ? tokens : rows) * outputs;
  }
};

/// Runs batches of rows. Stands between texts and the network, so that what is on this side of it
/// needs no LibTorch and tests can put another in its place. One thread at a time calls run();
/// any thread may call the rest.
class Runner {
 public:
  virtual ~Runner() = default;

  /// Throws Error when the computation fails.
  virtual RunOutputs run(const PackedBatch& batch, const Wanted& wanted) const = 0;

  /// Whether the tasks differ in their heads alone, so that a row runs once for both.
  virtual bool shares_trunk(int task, int other) const = 0;

  virtual HeadShape head_shape(int task) const = 0;
  virtual int64_t hidden_size() const = 0;
};

}  // namespace pals
