// A part of an input: the rows that one of several processes works on.
#pragma once

#include <cstdint>
#include <string>

namespace pals {

/// Where a row begins among the bytes of an input (or what else its parts are measured by).
struct InputPlace {
  uint64_t before = 0, total = 0;
};

/// One of `count` parts of an input, from 1. Parts are runs of neighbours, in order, of about
/// equally many bytes.
struct InputShard {
  int64_t number = 1, count = 1;

  bool whole() const { return count == 1; }
  bool first() const { return number == 1; }
  /// The number of the part that a place belongs to: never less than that of a place before it.
  int64_t at(const InputPlace& place) const;
};

/// The most parts.
inline constexpr int64_t kMostShards = 1000000;

/// Reads "2/8". UsageError for anything else; `flag` stands in front.
InputShard parse_shard(const std::string& text, const std::string& flag);

/// The file beside `path` that one of several processes writes: "PATH.02-of-16". Names in order of
/// the alphabet are in order of the parts.
std::string part_path(const std::string& path, const InputShard& shard);

}  // namespace pals
