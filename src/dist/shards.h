// How the arena falls to ranks: whose optimizer moves which parameters (ZeRO-1).
#pragma once

#include <vector>

#include "parameters/parameter_table.h"

namespace pals {

/// A contiguous part of the arena, of one owner's (the shared one's, or a task's) parameters.
struct Shard {
  int rank = 0;
  int owner = kSharedOwner;
  ArenaRange range;
};

/// What trains, in the arena's order, in shards of `ranks` ranks: of each owner's trainable
/// parameters every rank gets one run of neighbours, as even as whole parameters allow (the
/// optimizer clips each by its norm). Neighbours of one rank are one shard unless something between
/// them does not train.
std::vector<Shard> make_shards(const ParameterTable& table, int ranks);

/// The parts of `range` that are shards', in order.
std::vector<Shard> shards_within(const std::vector<Shard>& shards, ArenaRange range);

}  // namespace pals
