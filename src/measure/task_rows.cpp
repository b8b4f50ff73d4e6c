#include "measure/task_rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "catalog/reader.h"
#include "kinds/kind.h"

namespace pals {
namespace {

constexpr uint64_t kSeed = 42;
/// Streams of kSeed: a task's rows, and the generated ones.
constexpr uint64_t kRowStream = 2, kGeneratedStream = 100;

/// Tokens of a row with [CLS] and [SEP], uncased BERT vocabulary, cut at 128.
constexpr std::array<std::pair<const char*, double>, 8> kMeanLengths = {{{"cola", 11.3},
                                                                         {"mrpc", 53.7},
                                                                         {"mnli", 39.0},
                                                                         {"rte", 66.1},
                                                                         {"sts", 27.2},
                                                                         {"sst", 12.9},
                                                                         {"qqp", 30.0},
                                                                         {"qnli", 49.5}}};
constexpr double kOtherMeanLength = 34.0;
/// Lengths are log-normal: of their logarithm, the standard deviation.
constexpr double kLengthSpread = 0.45;

double usual_length(const std::string& task) {
  for (const auto& [name, length] : kMeanLengths) {
    if (task == name) return length;
  }
  return kOtherMeanLength;
}

int64_t draw_length(double mean_length, int max_seq_length, Random& random) {
  const double shrink = std::exp(-kLengthSpread * kLengthSpread / 2.0);  // mean over median
  const double drawn = mean_length * shrink * std::exp(kLengthSpread * random.normal());
  return std::clamp<int64_t>(std::llround(drawn), kMinSeqLength, max_seq_length);
}

void append_row(int64_t length, int64_t vocab_size, Random& random, FeatureSet& features) {
  for (int64_t token = 0; token < length; ++token) {
    features.token_ids.push_back(
        static_cast<int32_t>(random.below(static_cast<uint64_t>(vocab_size))));
  }
  features.end_row(static_cast<int32_t>((length + 1) / 2));
}

FeatureSet read_features(const Task& task, size_t index, const std::string& data_dir,
                         const Tokenizer& tokenizer, const RowLimits& limits, int threads) {
  const auto files = files_of(task, "train");
  if (files.empty()) fail_usage("task ", task.name, " has no training file to take rows from");
  ExampleSet set = read_examples(task, *files.front(), data_dir);
  Random random(kSeed, kRowStream + index);
  shuffle(set.examples, random);
  if (static_cast<int64_t>(set.examples.size()) > limits.rows_per_task) {
    set.examples.resize(static_cast<size_t>(limits.rows_per_task));
  }
  return kind_of(task).make_features(task, set, true, {tokenizer, limits.max_seq_length},
                                     {.threads = threads});
}

}  // namespace

double TaskRows::mean_length() const {
  return static_cast<double>(features.num_tokens()) / static_cast<double>(features.num_rows());
}

std::vector<TaskRows> read_task_rows(const std::vector<Task>& tasks, const std::string& data_dir,
                                     const Tokenizer& tokenizer, const RowLimits& limits,
                                     int threads) {
  std::vector<TaskRows> all;
  for (size_t index = 0; index < tasks.size(); ++index) {
    all.push_back(
        {tasks[index], read_features(tasks[index], index, data_dir, tokenizer, limits, threads)});
  }
  return all;
}

std::vector<TaskRows> generate_task_rows(const std::vector<Task>& tasks, int64_t vocab_size,
                                         const RowLimits& limits) {
  std::vector<TaskRows> all;
  for (size_t index = 0; index < tasks.size(); ++index) {
    TaskRows rows{tasks[index], {}};
    Random random(kSeed, kGeneratedStream + index);
    const Kind& kind = kind_of(rows.task);
    for (int64_t example = 0; example < limits.rows_per_task; ++example) {
      for (int64_t row = 0; row < kind.random_rows(); ++row) {
        const int64_t length = limits.row_length > 0 ? limits.row_length
                                                     : draw_length(usual_length(rows.task.name),
                                                                   limits.max_seq_length, random);
        append_row(length, vocab_size, random, rows.features);
      }
      rows.features.end_example(kind.random_targets(
          rows.task, rows.features.row_length(rows.features.num_rows() - 1), random));
    }
    all.push_back(std::move(rows));
  }
  return all;
}

}  // namespace pals
