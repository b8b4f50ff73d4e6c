// What a comparison of training steps found: ratios, spread, seconds, tokens; as a table and as
// JSON.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace pals::bench {

/// The three programs that take turns on every batch.
enum Contestant : size_t { kEager, kOursFp32, kOursBf16, kContestants };

/// The names in reports: "eager", "fp32", "bf16".
const char* contestant_name(size_t contestant);

/// One batch: its real tokens, and what each contestant needed for its step.
struct StepTiming {
  std::string task;
  int64_t tokens = 0;
  std::array<double, kContestants> seconds{};
  std::array<double, kContestants> losses{};
};

/// Quartiles, interpolated between neighbours.
struct Quartiles {
  double low = 0, median = 0, high = 0;
};

/// Quartiles of `values` (at least one).
Quartiles quartiles(std::vector<double> values);

/// The facts of a run that stand beside its timings.
struct StepSettings {
  std::string isa, kernels, cpu;
  int threads = 0;
  int64_t layers = 0, batch_size = 0;
  int max_seq_length = 0;
  double schedule_tokens_per_batch = 0;
  int64_t peak_rss_bytes = 0;
};

/// Total time of the eager steps over total time of `contestant`'s.
double time_ratio(const std::vector<StepTiming>& timings, size_t contestant);

/// Quartiles over the batches of eager seconds / `contestant`'s seconds.
Quartiles ratio_spread(const std::vector<StepTiming>& timings, size_t contestant);

/// A line for each contestant: seconds a step, real tokens a second, ratio and its quartiles.
std::string step_table(const std::vector<StepTiming>& timings);

/// One JSON object on one line, without a line feed: ratio_fp32, ratio_bf16, isa, step_seconds
/// (mean), tokens_per_second (real tokens), spread (quartiles of the batches' ratios), and the
/// settings.
std::string step_json(const std::vector<StepTiming>& timings, const StepSettings& settings);

}  // namespace pals::bench
