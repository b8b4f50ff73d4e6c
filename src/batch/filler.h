// Batches made up to round sizes, for work that is recorded once for each size.
#pragma once

#include "batch/packed_batch.h"

namespace pals {

/// Sizes of a batch.
struct BatchSize {
  int64_t rows = 0, tokens = 0, longest = 0;

  auto operator<=>(const BatchSize&) const = default;  // NOLINT(modernize-use-nullptr): not here
};

/// The size that a batch is made up to: rows to a multiple of 8, and one or more for the filler;
/// tokens to a multiple of 64 below 2048, else of 256; the longest row to a power of two that
/// holds all rows of filler, too.
BatchSize filled_size(const PackedBatch& batch);

/// A batch of one task with rows of filler behind its own, of token 0 at position 0, so that it has
/// this size (filled_size). The filler belongs to the segment's rows, but to no example.
PackedBatch with_filler(const PackedBatch& batch, const BatchSize& size);

}  // namespace pals
