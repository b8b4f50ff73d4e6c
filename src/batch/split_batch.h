// The shares of a batch for several processes.
#pragma once

#include <vector>

#include "batch/packed_batch.h"

namespace pals {

/// The examples of `batch` that fall to each of `parts` ranks, in order. Shares are even in tokens,
/// not in examples, so that no rank waits for the one with long texts: the longest first, each to
/// the rank with the fewest tokens. The same on every rank.
std::vector<std::vector<int64_t>> split_examples(const PackedBatch& batch, int parts);

/// These examples (ascending) of `batch` as a batch of its own. Rows keep their ids, hence their
/// dropout.
PackedBatch take_examples(const PackedBatch& batch, const std::vector<int64_t>& examples);

}  // namespace pals
