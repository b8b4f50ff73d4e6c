#include "predict/shard.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {

int64_t InputShard::at(const InputPlace& place) const {
  if (whole() || place.total == 0) return 1;
  const double share = static_cast<double>(place.before) / static_cast<double>(place.total);
  const auto part = static_cast<int64_t>(std::floor(share * static_cast<double>(count)));
  return std::min(part, count - 1) + 1;
}

InputShard parse_shard(const std::string& text, const std::string& flag) {
  const size_t slash = text.find('/');
  const std::string_view whole = text;
  const std::optional<int64_t> number = parse_int(whole.substr(0, slash));
  const std::optional<int64_t> count =
      slash == std::string::npos ? std::nullopt : parse_int(whole.substr(slash + 1));
  if (number && count && *number >= 1 && *number <= *count && *count <= kMostShards) {
    return {*number, *count};
  }
  fail_usage(flag, " is ", quote(text),
             ", expected NUMBER/COUNT, from 1/COUNT to COUNT/COUNT, such ",
             "as 2/8 for the second of eight parts");
}

std::string part_path(const std::string& path, const InputShard& shard) {
  const std::string count = std::to_string(shard.count);
  std::string number = std::to_string(shard.number);
  number.insert(0, count.size() - number.size(), '0');
  return concat(path, ".", number, "-of-", count);
}

}  // namespace pals
