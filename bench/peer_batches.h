// What comparisons with the eager peer share: where their data lie, and batches as it takes them.
#pragma once

#include <cstdint>
#include <string>

#include "batch/packed_batch.h"
#include "eager_peer.h"

namespace pals::bench {

/// GLUE's folder: PALS_GLUE_DIR, or beside the sources. UsageError if there is none.
std::string default_data_dir();

/// An uncased vocabulary: PALS_VOCAB_FILE, the cached MiniLM's, or beside the sources. UsageError
/// if there is none.
std::string default_vocab_file();

/// The batch as the reference lays it out: padded to `length` tokens a row.
PaddedBatch pad(const PackedBatch& batch, int64_t length, bool regression);

}  // namespace pals::bench
