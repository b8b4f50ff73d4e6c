#include "dist/shards.h"

#include <algorithm>
#include <map>

namespace pals {

std::vector<Shard> make_shards(const ParameterTable& table, int ranks) {
  std::vector<const Parameter*> rows;
  std::map<int, int64_t> totals, before;  // by owner
  for (const Parameter& row : table.rows()) {
    if (row.trainable) totals[row.owner] += row.numel;
    rows.push_back(&row);
  }
  std::sort(rows.begin(), rows.end(),
            [](const Parameter* a, const Parameter* b) { return a->offset < b->offset; });
  std::vector<Shard> shards;
  bool joins = false;  // whether the row before trains
  for (const Parameter* row : rows) {
    if (!row->trainable) {
      joins = false;
      continue;
    }
    // A row goes to the rank in whose even share its middle lies.
    const int64_t middle = before[row->owner] + row->numel / 2;
    const int rank = static_cast<int>(middle * ranks / std::max<int64_t>(1, totals[row->owner]));
    before[row->owner] += row->numel;
    const int64_t end = row->offset + row->numel;
    if (joins && shards.back().rank == rank && shards.back().owner == row->owner) {
      shards.back().range.end = end;
    } else {
      shards.push_back({rank, row->owner, {row->offset, end}});
    }
    joins = true;
  }
  return shards;
}

std::vector<Shard> shards_within(const std::vector<Shard>& shards, ArenaRange range) {
  std::vector<Shard> parts;
  for (const Shard& shard : shards) {
    const ArenaRange part{std::max(range.begin, shard.range.begin),
                          std::min(range.end, shard.range.end)};
    if (part.begin < part.end) parts.push_back({shard.rank, shard.owner, part});
  }
  return parts;
}

}  // namespace pals
