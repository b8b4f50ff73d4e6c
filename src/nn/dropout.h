// Keyed dropout: a mask is a function of (seed, step, place, row id, position, column), so that it is
// the same whatever the packing, the thread count, recomputation or a resumed run.
#pragma once

#include <cstdint>

namespace pals {

/// Dropout at one place of the network in one step. p = 0: none (evaluation).
struct Dropout {
  float p = 0.0F;
  uint64_t key = 0;  ///< dropout_key(seed, step, place)

  bool active() const { return p > 0.0F; }
};

/// Mixes the step's identity with the place (a number unique to the block and layer in the network).
uint64_t dropout_key(uint64_t seed, uint64_t step, uint32_t place);

/// The part of the key that belongs to a token: a hash of its row's id and its position in the row.
uint32_t dropout_token_key(int64_t row_id, int32_t position);

}  // namespace pals
