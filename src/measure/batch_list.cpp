#include "batch_list.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "data/features.h"
#include "data/sampler.h"
#include "tasks/glue.h"
#include "tasks/reader.h"
#include "text/tokenizer.h"

namespace pals::bench {
namespace {

/// Rows of GLUE's training sets; the files at hand may hold only a part of them.
constexpr std::array<int64_t, kReferenceTasks> kFullSizes = {8551, 3668,  392702, 2490,
                                                             5749, 67349, 363849, 104743};
constexpr int64_t kEpochs = 25;
constexpr int64_t kStepsPerTask = 300;
constexpr uint64_t kSeed = 42;
/// Streams of kSeed: the order of the list, and a task's rows (kRowStream + task).
constexpr uint64_t kOrderStream = 1, kRowStream = 2;
/// Rows of a task that its mean length is estimated from.
constexpr int64_t kSampleRows = 1024;

/// A task's training examples in a fixed shuffled order, cut to `limit` rows.
std::vector<Example> sample_examples(const Task& task, size_t index, const std::string& data_dir,
                                     int64_t limit) {
  const DataFile* file = find_file(task, "train");
  std::vector<Example> examples = read_examples(task, *file, data_dir).examples;
  Random random(kSeed, kRowStream + index);
  shuffle(examples, random);
  if (static_cast<int64_t>(examples.size()) > limit) examples.resize(static_cast<size_t>(limit));
  return examples;
}

PackedBatch next_batch(const FeatureSet& features, int task, int64_t batch_size,
                       int64_t& next_row) {
  PackedBatch batch;
  for (int64_t row = 0; row < batch_size; ++row) {
    append_example(features, next_row, task, row, batch);
    next_row = (next_row + 1) % features.num_rows();
  }
  return batch;
}

}  // namespace

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

BatchList make_batch_list(const BatchListOptions& options) {
  if (options.batches < 1 || options.batch_size < 1) {
    fail_usage("a list of ", options.batches, " batches of ", options.batch_size,
               " rows: both must be at least 1");
  }
  const Tokenizer tokenizer(Vocabulary::load(options.vocab_file), true);
  const int64_t limit = std::max(kSampleRows, options.batches * options.batch_size);
  BatchList list;
  list.vocab_size = tokenizer.vocabulary().size();
  std::vector<FeatureSet> features;
  std::vector<double> mean_lengths;
  for (size_t index = 0; index < kReferenceTasks; ++index) {
    const Task& task = glue_tasks()[index];
    features.push_back(make_features(sample_examples(task, index, options.data_dir, limit),
                                     tokenizer, options.max_seq_length, options.threads));
    mean_lengths.push_back(static_cast<double>(features.back().num_tokens()) /
                           static_cast<double>(features.back().num_rows()));
    list.task_names.push_back(task.name);
    list.task_outputs.push_back(task.num_outputs());
  }

  const std::vector<int64_t> draws = schedule_draws();
  std::vector<int64_t> next_rows(kReferenceTasks, 0);
  int64_t tokens = 0;
  for (const int task : representative_tasks(draws, mean_lengths, options.batches)) {
    const auto index = static_cast<size_t>(task);
    list.batches.push_back(next_batch(features[index], task, options.batch_size, next_rows[index]));
    tokens += list.batches.back().num_tokens();
  }
  list.tokens_per_batch = static_cast<double>(tokens) / static_cast<double>(options.batches);
  double steps = 0, schedule_tokens = 0;
  for (size_t index = 0; index < draws.size(); ++index) {
    const auto drawn = static_cast<double>(draws[index]);
    steps += drawn;
    schedule_tokens += drawn * mean_lengths[index];
  }
  list.schedule_tokens_per_batch =
      schedule_tokens / steps * static_cast<double>(options.batch_size);
  return list;
}

void put_typical_batches_first(BatchList& list) {
  const auto distance = [&](const PackedBatch& batch) {
    return std::abs(static_cast<double>(batch.num_tokens()) - list.schedule_tokens_per_batch);
  };
  std::stable_sort(
      list.batches.begin(), list.batches.end(),
      [&](const PackedBatch& a, const PackedBatch& b) { return distance(a) < distance(b); });
}

}  // namespace pals::bench
