// The results of `pals bench` as tables and as JSON.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "measure/bench.h"

namespace pals {

/// A line for each work: milliseconds a batch, tokens a second with the spread of the rounds, the
/// comparison, at::mm's time on the same shapes in percent of the work's, memory.
std::string bench_table(const std::vector<BenchResult>& results);

/// A table for each work whose products were measured: calls, milliseconds and share of each block
/// in a batch, and the products' speed.
std::string profile_tables(const std::vector<BenchResult>& results);

/// The same as a JSON list, an object for each work; with "blocks", seconds a batch, if `profile`.
OrderedJson bench_json(const std::vector<BenchResult>& results, bool profile);

}  // namespace pals
