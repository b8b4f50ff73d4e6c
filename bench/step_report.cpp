#include "step_report.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/table.h"
#include "base/text_util.h"

namespace pals::bench {
namespace {

double total_seconds(const std::vector<StepTiming>& timings, size_t contestant) {
  double total = 0;
  for (const StepTiming& timing : timings) total += timing.seconds[contestant];
  return total;
}

int64_t total_tokens(const std::vector<StepTiming>& timings) {
  int64_t total = 0;
  for (const StepTiming& timing : timings) total += timing.tokens;
  return total;
}

double rounded(double value) { return std::round(value * 1e4) / 1e4; }

OrderedJson spread_json(const std::vector<StepTiming>& timings, size_t contestant) {
  const Quartiles spread = ratio_spread(timings, contestant);
  return OrderedJson::array({rounded(spread.low), rounded(spread.median), rounded(spread.high)});
}

}  // namespace

const char* contestant_name(size_t contestant) {
  constexpr std::array<const char*, kContestants> kNames = {"eager", "fp32", "bf16"};
  return kNames.at(contestant);
}

Quartiles quartiles(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at_share = [&](double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<size_t>(place);
    const size_t above = std::min(below + 1, values.size() - 1);
    return std::lerp(values[below], values[above], place - std::floor(place));
  };
  return {at_share(0.25), at_share(0.5), at_share(0.75)};
}

double time_ratio(const std::vector<StepTiming>& timings, size_t contestant) {
  return total_seconds(timings, kEager) / total_seconds(timings, contestant);
}

Quartiles ratio_spread(const std::vector<StepTiming>& timings, size_t contestant) {
  std::vector<double> ratios;
  for (const StepTiming& timing : timings) {
    ratios.push_back(timing.seconds[kEager] / timing.seconds[contestant]);
  }
  return quartiles(std::move(ratios));
}

std::string step_table(const std::vector<StepTiming>& timings) {
  Table table({"step", "s/step", "tokens/s", "ratio", "quartiles of ratios", "mean loss"});
  const auto count = static_cast<double>(timings.size());
  for (size_t contestant = 0; contestant < kContestants; ++contestant) {
    const double seconds = total_seconds(timings, contestant);
    const Quartiles spread = ratio_spread(timings, contestant);
    double losses = 0;
    for (const StepTiming& timing : timings) losses += timing.losses[contestant];
    table.add_row({contestant_name(contestant), format_double(seconds / count, 3),
                   format_double(static_cast<double>(total_tokens(timings)) / seconds, 0),
                   format_double(time_ratio(timings, contestant), 2),
                   concat(format_double(spread.low, 2), " ", format_double(spread.median, 2), " ",
                          format_double(spread.high, 2)),
                   format_double(losses / count, 4)});
  }
  return table.text();
}

std::string step_json(const std::vector<StepTiming>& timings, const StepSettings& settings) {
  const auto count = static_cast<double>(timings.size());
  const auto tokens = static_cast<double>(total_tokens(timings));
  OrderedJson seconds = OrderedJson::object(), speed = OrderedJson::object();
  for (size_t contestant = 0; contestant < kContestants; ++contestant) {
    const double total = total_seconds(timings, contestant);
    seconds[contestant_name(contestant)] = rounded(total / count);
    speed[contestant_name(contestant)] = std::round(tokens / total * 10) / 10;
  }
  OrderedJson json;
  json["ratio_fp32"] = rounded(time_ratio(timings, kOursFp32));
  json["ratio_bf16"] = rounded(time_ratio(timings, kOursBf16));
  json["isa"] = settings.isa;
  json["step_seconds"] = seconds;
  json["tokens_per_second"] = speed;
  json["spread"] = {{"ratio_fp32", spread_json(timings, kOursFp32)},
                    {"ratio_bf16", spread_json(timings, kOursBf16)}};
  json["batches"] = timings.size();
  json["batch_size"] = settings.batch_size;
  json["max_seq_length"] = settings.max_seq_length;
  json["layers"] = settings.layers;
  json["threads"] = settings.threads;
  json["kernels"] = settings.kernels;
  json["cpu"] = settings.cpu;
  json["tokens_per_batch"] = std::round(tokens / count * 10) / 10;
  json["schedule_tokens_per_batch"] = std::round(settings.schedule_tokens_per_batch * 10) / 10;
  json["peak_rss_bytes"] = settings.peak_rss_bytes;
  return json_text(json, -1);
}

}  // namespace pals::bench
