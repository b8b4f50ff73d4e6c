#include "measure/bench_report.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/table.h"
#include "base/text_util.h"

namespace pals {
namespace {

double per_batch(const BenchResult& result, double value_of_rounds) {
  return value_of_rounds / static_cast<double>(result.batches);
}

/// Over all rounds, for what the profile sums up.
double profiled_batches(const BenchResult& result) {
  return static_cast<double>(result.batches) * static_cast<double>(result.seconds.size());
}

double all_seconds(const BenchResult& result) {
  double sum = 0;
  for (const double seconds : result.seconds) sum += seconds;
  return sum;
}

double tokens_per_second(const BenchResult& result, double seconds) {
  return static_cast<double>(result.tokens) / seconds;
}

/// Of the slowest and of the fastest round.
std::pair<double, double> spread(const BenchResult& result) {
  const auto [fastest, slowest] = std::ranges::minmax(result.seconds);
  return {tokens_per_second(result, slowest), tokens_per_second(result, fastest)};
}

double product_share(const BenchResult& result) {
  return result.product_seconds / result.median_seconds();
}

double rounded(double value, double unit) { return std::round(value / unit) * unit; }

std::string percent(double share) { return concat(format_double(100.0 * share, 0), " %"); }

std::string per_second(double tokens) { return format_double(tokens, tokens < 1000 ? 1 : 0); }

OrderedJson blocks_json(const BenchResult& result) {
  OrderedJson blocks = OrderedJson::object();
  const double batches = profiled_batches(result);
  for (size_t i = 0; i < kNumBlocks; ++i) {
    blocks[block_name(static_cast<Block>(i))] = result.profile.seconds[i] / batches;
  }
  blocks["other"] = (all_seconds(result) - result.profile.total()) / batches;
  return blocks;
}

}  // namespace

std::string bench_table(const std::vector<BenchResult>& results) {
  Table table({"work", "precision", "ms a batch", "tokens/s", "slowest to fastest round", "speed",
               "at::mm", "memory, MB"});
  table.align_left(1);
  table.align_left(5);
  for (size_t i = 0; i < results.size(); ++i) {
    const BenchResult& result = results[i];
    if (i > 0 && result.precision != results[i - 1].precision) table.add_rule();
    const double seconds = result.median_seconds();
    const auto [slowest, fastest] = spread(result);
    table.add_row(
        {result.work, result.precision, format_double(1e3 * per_batch(result, seconds), 1),
         per_second(tokens_per_second(result, seconds)),
         concat(per_second(slowest), " to ", per_second(fastest)),
         result.against.empty() ? ""
                                : concat(format_double(result.ratio, 2), " x ", result.against),
         result.product_seconds > 0 ? percent(product_share(result)) : "",
         result.peak_bytes > 0 ? format_double(static_cast<double>(result.peak_bytes) / 1e6, 0)
                               : ""});
  }
  return table.text();
}

std::string profile_tables(const std::vector<BenchResult>& results) {
  std::string text;
  for (const BenchResult& result : results) {
    if (result.product_seconds <= 0) continue;
    const double batches = profiled_batches(result), whole = all_seconds(result);
    Table table({concat(result.work, ", ", result.precision), "calls", "ms", "share", "TFLOP/s"});
    const auto add = [&](const char* name, const std::string& calls, double seconds,
                         const std::string& speed = {}) {
      table.add_row({name, calls, format_double(1e3 * seconds / batches, 2),
                     percent(seconds / whole), speed});
    };
    const auto teraflops = [&](double seconds) {
      return format_double(result.product_flops / seconds / 1e12, 3);
    };
    for (size_t i = 0; i < kNumBlocks; ++i) {
      if (result.profile.calls[i] == 0) continue;
      const auto block = static_cast<Block>(i);
      const double seconds = result.profile.of(block);
      const double round_seconds = seconds / static_cast<double>(result.seconds.size());
      add(block_name(block),
          format_double(static_cast<double>(result.profile.calls[i]) / batches, 0), seconds,
          block == Block::kProduct ? teraflops(round_seconds) : "");
    }
    add("other", "", whole - result.profile.total());
    add("whole batch", "", whole);
    table.add_rule();
    add("at::mm on the products' shapes", "",
        result.product_seconds * static_cast<double>(result.seconds.size()),
        teraflops(result.product_seconds));
    if (!text.empty()) text.push_back('\n');
    text.append(table.text());
  }
  return text;
}

OrderedJson bench_json(const std::vector<BenchResult>& results, bool profile) {
  OrderedJson list = OrderedJson::array();
  for (const BenchResult& result : results) {
    const double seconds = result.median_seconds();
    const auto [slowest, fastest] = spread(result);
    OrderedJson json = {{"work", result.work},
                        {"precision", result.precision},
                        {"batch_seconds", per_batch(result, seconds)},
                        {"tokens_per_second", rounded(tokens_per_second(result, seconds), 0.1)},
                        {"spread", {rounded(slowest, 0.1), rounded(fastest, 0.1)}}};
    if (!result.against.empty()) {
      json["against"] = result.against;
      json["ratio"] = rounded(result.ratio, 1e-4);
    }
    if (result.product_seconds > 0) {
      json["product_share"] = rounded(product_share(result), 1e-4);
      json["product_teraflops"] = result.product_flops / result.product_seconds / 1e12;
    }
    if (result.peak_bytes > 0) json["peak_bytes"] = result.peak_bytes;
    if (profile) json["blocks"] = blocks_json(result);
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace pals
