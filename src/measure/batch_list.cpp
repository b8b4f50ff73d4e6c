#include "measure/batch_list.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "data/sampler.h"
#include "kinds/kind.h"
#include "model/tokenizer_files.h"
#include "tasks/glue.h"
#include "tasks/task_selection.h"

namespace pals {
namespace {

/// Rows of GLUE's training sets; the files at hand may hold only a part of them.
constexpr std::array<int64_t, kReferenceTasks> kFullSizes = {8551, 3668,  392702, 2490,
                                                             5749, 67349, 363849, 104743};
constexpr int64_t kEpochs = 25;
constexpr int64_t kStepsPerTask = 300;
constexpr uint64_t kSeed = 42;
/// Streams of kSeed: the order of the list, and of prediction's stream.
constexpr uint64_t kOrderStream = 1, kPredictionStream = 50;
/// Rows of a task that its mean length is estimated from.
constexpr int64_t kSampleRows = 1024;

std::vector<double> mean_lengths(const std::vector<TaskRows>& rows) {
  std::vector<double> lengths;
  for (const TaskRows& task : rows) lengths.push_back(task.mean_length());
  return lengths;
}

/// Tokens of an example's longest row: multiple choice has several.
int64_t longest_row(const FeatureSet& features, int64_t example) {
  int64_t longest = 0;
  for (int64_t row = features.first_row(example); row < features.first_row(example + 1); ++row) {
    longest = std::max(longest, features.row_length(row));
  }
  return longest;
}

void check_counts(int64_t batches, int64_t batch_size) {
  if (batches < 1 || batch_size < 1) {
    fail_usage("a list of ", batches, " batches of ", batch_size, " rows: both must be at least 1");
  }
}

}  // namespace

PackedBatch pack(const std::vector<TaskRows>& rows, const BatchPlan& plan) {
  PackedBatch batch;
  for (const BatchItem& item : plan) {
    append_example(rows[static_cast<size_t>(item.source)].features, item.example, item.task,
                   batch.num_rows(), batch);
  }
  return batch;
}

std::vector<int64_t> schedule_draws() {
  constexpr int64_t kSteps = kEpochs * kStepsPerTask * static_cast<int64_t>(kReferenceTasks);
  const TaskSampler sampler(Sampling::kAnneal, {kFullSizes.begin(), kFullSizes.end()}, kSeed,
                            kSteps, kEpochs);
  std::vector<int64_t> draws(kReferenceTasks, 0);
  for (int64_t step = 0; step < kSteps; ++step) {
    ++draws[static_cast<size_t>(sampler.task_at(step))];
  }
  return draws;
}

std::vector<int> representative_tasks(const std::vector<int64_t>& draws,
                                      const std::vector<double>& mean_lengths, int64_t count) {
  std::vector<size_t> by_length(draws.size());
  std::iota(by_length.begin(), by_length.end(), size_t{0});
  std::stable_sort(by_length.begin(), by_length.end(),
                   [&](size_t a, size_t b) { return mean_lengths[a] < mean_lengths[b]; });
  const double total = static_cast<double>(std::accumulate(draws.begin(), draws.end(), int64_t{0}));
  std::vector<int> tasks;
  size_t rank = 0;
  auto end = static_cast<double>(draws[by_length[0]]);
  for (int64_t i = 0; i < count; ++i) {
    const double place = (static_cast<double>(i) + 0.5) * total / static_cast<double>(count);
    while (place >= end && rank + 1 < by_length.size()) {
      end += static_cast<double>(draws[by_length[++rank]]);
    }
    tasks.push_back(static_cast<int>(by_length[rank]));
  }
  Random random(kSeed, kOrderStream);
  shuffle(tasks, random);
  return tasks;
}

std::vector<int64_t> usual_draws(const std::vector<TaskRows>& rows) {
  bool is_glue = rows.size() == kReferenceTasks;
  for (size_t i = 0; is_glue && i < rows.size(); ++i) {
    is_glue = rows[i].task.name == glue_tasks()[i].name;
  }
  return is_glue ? schedule_draws() : std::vector<int64_t>(rows.size(), 1);
}

std::vector<BatchPlan> training_plans(const std::vector<TaskRows>& rows,
                                      const std::vector<int64_t>& draws, int64_t batches,
                                      int64_t batch_size) {
  check_counts(batches, batch_size);
  std::vector<BatchPlan> plans;
  std::vector<int64_t> next(rows.size(), 0);
  for (const int task : representative_tasks(draws, mean_lengths(rows), batches)) {
    const auto index = static_cast<size_t>(task);
    BatchPlan plan;
    for (int64_t i = 0; i < batch_size; ++i) {
      plan.push_back({task, next[index], task});
      next[index] = (next[index] + 1) % rows[index].features.num_examples();
    }
    plans.push_back(std::move(plan));
  }
  return plans;
}

std::vector<BatchPlan> stream_plans(const std::vector<TaskRows>& rows,
                                    const std::vector<BatchPlan>& plans,
                                    const StreamOptions& options) {
  check_counts(static_cast<int64_t>(plans.size()), options.batch_size);
  BatchPlan stream;
  for (const BatchPlan& plan : plans) stream.insert(stream.end(), plan.begin(), plan.end());
  Random random(kSeed, kPredictionStream);
  shuffle(stream, random);
  for (size_t i = 0; i < stream.size(); ++i) {
    stream[i].task = static_cast<int>(i) % options.num_tasks;
  }
  if (options.sorted) {
    const auto length = [&](const BatchItem& item) {
      return longest_row(rows[static_cast<size_t>(item.source)].features, item.example);
    };
    std::ranges::stable_sort(stream, std::ranges::greater(), length);
  }
  std::vector<BatchPlan> batches;
  const auto size = static_cast<size_t>(options.batch_size);
  for (size_t first = 0; first < stream.size(); first += size) {
    const size_t last = std::min(stream.size(), first + size);
    BatchPlan batch(stream.begin() + static_cast<int64_t>(first),
                    stream.begin() + static_cast<int64_t>(last));
    std::ranges::stable_sort(batch, {}, &BatchItem::task);
    batches.push_back(std::move(batch));
  }
  return batches;
}

BatchList make_batch_list(const BatchListOptions& options) {
  check_counts(options.batches, options.batch_size);
  const Tokenizer tokenizer = open_tokenizer({.vocabulary = options.vocab_file});
  const std::vector<Task> tasks(glue_tasks().begin(), glue_tasks().begin() + kReferenceTasks);
  BatchList list;
  list.vocab_size = tokenizer.vocabulary().size();
  list.rows = read_task_rows(
      tasks, options.data_dir, tokenizer,
      {options.max_seq_length, std::max(kSampleRows, options.batches * options.batch_size)},
      options.threads);
  list.task_names = task_names(tasks);
  for (const Task& task : tasks) list.task_outputs.push_back(num_outputs(task));

  const std::vector<int64_t> draws = schedule_draws();
  list.plans = training_plans(list.rows, draws, options.batches, options.batch_size);
  int64_t tokens = 0;
  for (const BatchPlan& plan : list.plans) {
    list.batches.push_back(pack(list.rows, plan));
    tokens += list.batches.back().num_tokens();
  }
  list.tokens_per_batch = static_cast<double>(tokens) / static_cast<double>(options.batches);
  double steps = 0, schedule_tokens = 0;
  for (size_t index = 0; index < draws.size(); ++index) {
    const auto drawn = static_cast<double>(draws[index]);
    steps += drawn;
    schedule_tokens += drawn * list.rows[index].mean_length();
  }
  list.schedule_tokens_per_batch =
      schedule_tokens / steps * static_cast<double>(options.batch_size);
  return list;
}

void put_typical_batches_first(BatchList& list) {
  const auto distance = [&](size_t i) {
    return std::abs(static_cast<double>(list.batches[i].num_tokens()) -
                    list.schedule_tokens_per_batch);
  };
  std::vector<size_t> order(list.batches.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, distance);
  std::vector<BatchPlan> plans;
  std::vector<PackedBatch> batches;
  for (const size_t i : order) {
    plans.push_back(std::move(list.plans[i]));
    batches.push_back(std::move(list.batches[i]));
  }
  list.plans = std::move(plans);
  list.batches = std::move(batches);
}

}  // namespace pals
