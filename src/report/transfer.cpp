#include "report/transfer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "eval/mean_interval.h"

namespace pals {
namespace {

std::vector<double> numbers_of(const std::vector<TransferPair>& pairs,
                               double (*number)(const TransferPair&)) {
  std::vector<double> numbers;
  for (const TransferPair& pair : pairs) numbers.push_back(number(pair));
  return numbers;
}

std::vector<double> differences_of(const std::vector<TransferPair>& pairs) {
  return numbers_of(pairs, [](const TransferPair& pair) { return pair.difference(); });
}

/// A task's figures, of a run's best model or of its last evaluation.
TaskValues values_of(const RunData& run, const std::string& task, bool last) {
  if (!run.results || !run.results->evaluated) return {};
  const ResultsRecord::Evaluated& evaluated = *run.results->evaluated;
  const ScoresRecord& scores = last ? evaluated.last : evaluated.best;
  const auto found = scores.tasks.find(task);
  return found == scores.tasks.end() ? TaskValues() : found->second;
}

const RunData* alone_run(const TransferSeed& seed, const std::string& task) {
  const auto found = seed.alone.find(task);
  return found == seed.alone.end() ? nullptr : &found->second;
}

std::vector<TransferPair> pairs_of(const std::vector<TransferSeed>& seeds, const std::string& task,
                                   const std::string& metric, bool last) {
  std::vector<TransferPair> pairs;
  for (const TransferSeed& seed : seeds) {
    const RunData* alone = alone_run(seed, task);
    if (alone == nullptr || !seed.joint) continue;
    const TaskValues one = values_of(*alone, task, last), two = values_of(*seed.joint, task, last);
    const auto before = one.find(metric), after = two.find(metric);
    if (before == one.end() || after == two.end() || !before->second || !after->second) continue;
    pairs.push_back({seed.seed, *before->second, *after->second});
  }
  return pairs;
}

/// The names of the task's metrics, the first one in front.
std::vector<std::string> metrics_of(const std::vector<TransferSeed>& seeds,
                                    const std::string& task) {
  std::set<std::string> names;
  std::string main;
  for (const TransferSeed& seed : seeds) {
    const RunData* alone = alone_run(seed, task);
    for (const RunData* run : {seed.joint ? &*seed.joint : nullptr, alone}) {
      if (run == nullptr) continue;
      for (const auto& [name, value] : values_of(*run, task, false)) names.insert(name);
      const Task* known = run->find_task(task);
      if (known != nullptr && !known->metrics.empty()) main = metric_name(known->metrics.front());
    }
  }
  names.erase("loss");
  std::vector<std::string> ordered(names.begin(), names.end());
  // Not that of std::ranges, which clang 14 cannot compile.
  std::stable_partition(ordered.begin(), ordered.end(),
                        [&](const std::string& name) { return name == main; });
  return ordered;
}

/// "accuracy_mismatched" is an accuracy.
bool is_error_metric(const std::string& name) {
  const std::optional<Metric> metric = metric_from_name(name.substr(0, name.find('_')));
  return metric && is_error(*metric);
}

std::optional<PairedDifference> compare_rows(const std::vector<TransferSeed>& seeds,
                                             const std::string& task,
                                             std::vector<std::string>& notes) {
  std::vector<RunPair> pairs;
  for (const TransferSeed& seed : seeds) {
    const RunData* alone = alone_run(seed, task);
    if (alone != nullptr && seed.joint) pairs.emplace_back(alone, &*seed.joint);
  }
  return paired_difference(task, pairs, notes);
}

/// The numbers that there are.
class Numbers {
 public:
  void add(const std::optional<double>& value) {
    if (value) values_.push_back(*value);
  }
  Spread spread() const { return spread_of(values_); }

 private:
  std::vector<double> values_;
};

std::optional<TransferGradients> mean_gradients(const std::vector<std::string>& tasks,
                                                const std::vector<TransferSeed>& seeds) {
  const size_t size = tasks.size();
  std::vector<std::vector<Numbers>> cosines(size, std::vector<Numbers>(size));
  std::vector<Numbers> halves(size), norms(size);
  TransferGradients mean{.tasks = tasks};
  for (const TransferSeed& seed : seeds) {
    if (!seed.gradients || seed.gradients->tasks != tasks) continue;
    const GradientRecord& record = *seed.gradients;
    mean.seeds.push_back(seed.seed);
    mean.batches = record.batches;
    mean.parameters = record.parameters;
    for (size_t i = 0; i < size; ++i) {
      for (size_t j = 0; j < size; ++j) cosines[i][j].add(record.cosines[i][j]);
      halves[i].add(record.halves[i]);
      norms[i].add(record.norms[i]);
    }
  }
  if (mean.seeds.empty()) return std::nullopt;
  for (size_t i = 0; i < size; ++i) {
    std::vector<Spread>& row = mean.cosines.emplace_back();
    for (const Numbers& numbers : cosines[i]) row.push_back(numbers.spread());
    mean.halves.push_back(halves[i].spread());
    mean.norms.push_back(norms[i].spread());
  }
  return mean;
}

}  // namespace

Spread TransferRow::alone() const {
  return spread_of(numbers_of(best, [](const TransferPair& pair) { return pair.alone; }));
}

Spread TransferRow::joint() const {
  return spread_of(numbers_of(best, [](const TransferPair& pair) { return pair.joint; }));
}

Spread TransferRow::difference() const { return spread_of(differences_of(best)); }

Spread TransferRow::last_difference() const { return spread_of(differences_of(last)); }

std::optional<TransferEffect> TransferRow::effect() const {
  std::vector<Interval> intervals;
  if (seeds) intervals.push_back(*seeds);
  if (rows && rows->interval) intervals.push_back(*rows->interval);
  if (intervals.empty()) return std::nullopt;
  const bool more = std::ranges::all_of(intervals, [](const Interval& i) { return i.low > 0.0; });
  const bool less = std::ranges::all_of(intervals, [](const Interval& i) { return i.high < 0.0; });
  if (!more && !less) return TransferEffect::kOpen;
  return more != is_error ? TransferEffect::kGains : TransferEffect::kLoses;
}

Transfer compare_transfer(const std::vector<std::string>& tasks,
                          const std::vector<TransferSeed>& seeds) {
  Transfer transfer{.tasks = tasks};
  for (const TransferSeed& seed : seeds) {
    const bool whole = seed.joint && std::ranges::all_of(tasks, [&](const std::string& task) {
                         return seed.alone.contains(task);
                       });
    if (whole) {
      transfer.seeds.push_back(seed.seed);
    } else {
      transfer.notes.push_back(concat("Not all runs of seed ", seed.seed, " are finished."));
    }
  }
  for (const std::string& task : tasks) {
    bool is_main = true;
    for (const std::string& metric : metrics_of(seeds, task)) {
      TransferRow row{.task = task,
                      .metric = metric,
                      .is_main = std::exchange(is_main, false),
                      .is_error = is_error_metric(metric),
                      .best = pairs_of(seeds, task, metric, false),
                      .last = pairs_of(seeds, task, metric, true)};
      row.seeds = mean_interval(differences_of(row.best));
      if (row.is_main) row.rows = compare_rows(seeds, task, transfer.notes);
      transfer.rows.push_back(std::move(row));
    }
  }
  transfer.gradients = mean_gradients(tasks, seeds);
  return transfer;
}

std::string seeds_text(const std::vector<uint64_t>& seeds) {
  std::vector<std::string> names;
  for (const uint64_t seed : seeds) names.push_back(concat(seed));
  return concat(counted(std::ssize(seeds), "seed"),
                names.empty() ? "" : concat(" (", join(names, ", "), ")"));
}

}  // namespace pals
