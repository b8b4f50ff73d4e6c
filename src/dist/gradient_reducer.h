// Adds up the ranks' gradients, part by part of the arena, while the backward pass goes on.
#pragma once

#include <optional>
#include <vector>

#include "dist/shards.h"
#include "dist/world.h"
#include "options/choices.h"
#include "parameters/parameter_arena.h"

namespace pals {

/// One step is begin(), add() for each range, finish(). Small parts travel together.
class GradientReducer {
 public:
  /// `shards` say what trains. With `sharded`, each of them is summed for its rank alone, else all
  /// for all ranks. Of the parameter `table` [V, H] only some rows have gradients.
  GradientReducer(const World& world, ParameterArena& arena, GradientType type,
                  std::vector<Shard> shards, bool sharded, ParameterId table);

  /// `rows` of the table have gradients in this step, on any rank: the same on all ranks,
  /// ascending.
  void begin(const std::vector<int64_t>& rows);

  /// The gradients in this range are final on this rank: begins to add them up. Every rank adds the
  /// same ranges in the same order.
  void add(ArenaRange range);

  /// Waits for all that was added; the gradients (with `sharded`, this rank's) are then those of
  /// the global batch.
  void finish();

  const Traffic& traffic() const { return traffic_; }  ///< of all steps so far

 private:
  /// Gradients [n] of the arena; with `rows`, only these rows of [V, H].
  struct Piece {
    at::Tensor gradients, rows;
  };
  struct Bucket {
    std::vector<Piece> pieces;
    int64_t elements = 0;
  };
  struct Sent {
    std::vector<Piece> pieces;
    at::Tensor buffer;
    PendingWork work;
    int root = 0;
  };

  void add_piece(int root, Piece piece);
  void send(int root);
  at::Tensor flat(const Piece& piece) const;
  void put_back(const Sent& sent) const;

  const World& world_;
  ParameterArena& arena_;
  GradientType type_;
  std::vector<Shard> shards_;
  bool sharded_;
  ArenaRange table_;
  int64_t columns_;
  at::Tensor rows_;
  int64_t bucket_elements_;
  std::vector<Bucket> buckets_;  ///< of each root; one if not sharded
  std::vector<Sent> sent_;
  Traffic traffic_;
};

}  // namespace pals
