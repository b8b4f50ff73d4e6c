#include "data/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "features/test_tokens.h"

namespace pals {
namespace {

constexpr int32_t kTaskIds = 10000;  // task t's rows start with ids t * kTaskIds + row

std::vector<FeaturesFuture> numbered_tasks(const std::vector<int64_t>& sizes) {
  std::vector<FeaturesFuture> tasks;
  for (size_t t = 0; t < sizes.size(); ++t) {
    tasks.push_back(
        ready_features(numbered_features(sizes[t], static_cast<int32_t>(t) * kTaskIds)));
  }
  return tasks;
}

/// The rows of a step, by their first token, in order.
std::vector<int64_t> rows_of(const TrainingBatch& batch) {
  std::vector<int64_t> rows;
  int64_t next_id = 0;
  for (const PackedBatch& micro : batch.micro_batches) {
    EXPECT_GT(micro.num_rows(), 0);
    EXPECT_EQ(micro.segments.size(), 1U);
    EXPECT_EQ(micro.segments[0].task, batch.task);
    for (int64_t row = 0; row < micro.num_rows(); ++row) {
      EXPECT_EQ(micro.row_ids[static_cast<size_t>(row)], next_id++);
      const auto start = static_cast<size_t>(micro.cu_seqlens[static_cast<size_t>(row)]);
      rows.push_back(micro.token_ids[start] - batch.task * kTaskIds);
    }
  }
  EXPECT_EQ(static_cast<int64_t>(rows.size()), batch.num_examples);
  return rows;
}

using Steps = std::vector<std::pair<int, std::vector<int64_t>>>;

Steps run_steps(const std::vector<int64_t>& sizes, TrainingLoaderOptions options, int64_t first,
                int64_t last, Sampling sampling = Sampling::kAnneal) {
  options.first_step = first;
  options.last_step = last;
  const TaskSampler sampler(sampling, sizes, options.seed, 200, 4);
  TrainingLoader loader(numbered_tasks(sizes), sampler, options);
  Steps steps;
  std::vector<int64_t> drawn(sizes.size());
  for (int64_t step = 0; step < first; ++step) ++drawn[static_cast<size_t>(sampler.task_at(step))];
  for (int64_t step = first; step < last; ++step) {
    const TrainingBatch batch = loader.next();
    EXPECT_EQ(batch.step, step);
    EXPECT_EQ(batch.task, sampler.task_at(step));
    EXPECT_EQ(batch.task_step, drawn[static_cast<size_t>(batch.task)]++);
    steps.emplace_back(batch.task, rows_of(batch));
  }
  return steps;
}

TEST(TrainingLoader, EachPassCoversEachRowOnceInAFreshOrder) {
  const std::vector<int64_t> sizes = {37, 8, 100};
  TrainingLoaderOptions options;
  options.batch_size = 8;
  std::map<int, std::vector<std::vector<int64_t>>> passes;
  std::map<int, std::vector<int64_t>> pass;
  for (const auto& [task, rows] : run_steps(sizes, options, 0, 200)) {
    const int64_t size = sizes[static_cast<size_t>(task)];
    std::vector<int64_t>& seen = pass[task];
    seen.insert(seen.end(), rows.begin(), rows.end());
    ASSERT_LE(static_cast<int64_t>(seen.size()), size);
    if (static_cast<int64_t>(seen.size()) < size) {
      EXPECT_EQ(rows.size(), 8U);  // only a pass's last batch is short
      continue;
    }
    passes[task].push_back(std::exchange(seen, {}));
  }
  for (const auto& [task, orders] : passes) {
    std::set<std::vector<int64_t>> distinct(orders.begin(), orders.end());
    EXPECT_EQ(distinct.size(), orders.size()) << "task " << task << " repeats an order";
    EXPECT_GE(orders.size(), 3U);
    for (std::vector<int64_t> order : orders) {
      EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
      std::sort(order.begin(), order.end());
      for (size_t row = 0; row < order.size(); ++row) {
        ASSERT_EQ(order[row], static_cast<int64_t>(row));
      }
    }
  }
}

TEST(TrainingLoader, ResumesFromAnyStep) {
  const std::vector<int64_t> sizes = {37, 8, 100};
  TrainingLoaderOptions options;
  options.batch_size = 8;
  const Steps whole = run_steps(sizes, options, 0, 60);
  for (int64_t first = 0; first <= 60; ++first) {
    const Steps part = run_steps(sizes, options, first, 60);
    ASSERT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + first, whole.end()))
        << "from step " << first;
  }
}

TEST(TrainingLoader, MicroBatchesSplitTheSameRows) {
  const std::vector<int64_t> sizes = {37, 12};
  TrainingLoaderOptions options;
  options.batch_size = 12;
  const Steps whole = run_steps(sizes, options, 0, 40);
  options.accumulation_steps = 4;
  EXPECT_EQ(run_steps(sizes, options, 0, 40), whole);  // rows_of checks the ids across the parts

  options.last_step = 4;
  TrainingLoader loader(numbered_tasks({37}), TaskSampler(Sampling::kRoundRobin, {37}, 1, 4, 1),
                        options);
  for (int step = 0; step < 3; ++step) {
    const TrainingBatch batch = loader.next();
    ASSERT_EQ(batch.micro_batches.size(), 4U);
    for (const PackedBatch& micro : batch.micro_batches) EXPECT_EQ(micro.num_rows(), 3);
  }
  EXPECT_EQ(loader.next().micro_batches.size(), 1U);  // 37 = 3 * 12 + 1
}

TEST(TrainingLoader, SeedsAndQueuesMakeTheDifferenceTheyShould) {
  const std::vector<int64_t> sizes = {37, 100};
  TrainingLoaderOptions options;
  options.batch_size = 8;
  const Steps whole = run_steps(sizes, options, 0, 30, Sampling::kRoundRobin);
  options.queue_length = 1;
  EXPECT_EQ(run_steps(sizes, options, 0, 30, Sampling::kRoundRobin), whole);
  options.seed = 43;
  EXPECT_NE(run_steps(sizes, options, 0, 30, Sampling::kRoundRobin), whole);
}

TEST(TrainingLoader, RowsKeepTheirTextsLabelsAndValues) {
  const FeaturesPtr features = numbered_features(20, 0);
  TrainingLoaderOptions options;
  options.batch_size = 20;
  options.last_step = 1;
  TrainingLoader loader({ready_features(features)},
                        TaskSampler(Sampling::kRoundRobin, {20}, 1, 1, 1), options);
  const TrainingBatch step = loader.next();
  const PackedBatch& batch = step.micro_batches.at(0);
  PackedBatch want;
  for (int64_t i = 0; i < 20; ++i) {
    const int32_t row =
        batch.token_ids[static_cast<size_t>(batch.cu_seqlens[static_cast<size_t>(i)])];
    append_example(*features, row, 0, i, want);
  }
  EXPECT_EQ(batch.token_ids, want.token_ids);
  EXPECT_EQ(batch.token_type_ids, want.token_type_ids);
  EXPECT_EQ(batch.targets, want.targets);
}

TEST(TrainingLoader, StartsBeforeAllTasksAreReady) {
  std::promise<FeaturesPtr> late;
  TrainingLoaderOptions options;
  options.batch_size = 4;
  options.last_step = 10;
  TrainingLoader loader({ready_features(numbered_features(9, 0)), late.get_future().share()},
                        TaskSampler(Sampling::kRoundRobin, {9, 5}, 1, 10, 1), options);
  EXPECT_EQ(loader.next().task, 0);
  late.set_value(numbered_features(5, kTaskIds));
  EXPECT_EQ(loader.next().task, 1);
}

TEST(TrainingLoader, CanBeDroppedWhileItWaits) {
  std::promise<FeaturesPtr> never;
  TrainingLoaderOptions options;
  options.last_step = 10;
  const TrainingLoader waiting({never.get_future().share()},
                               TaskSampler(Sampling::kRoundRobin, {9}, 1, 10, 1), options);
  const TrainingLoader full({ready_features(numbered_features(9, 0))},
                            TaskSampler(Sampling::kRoundRobin, {9}, 1, 10, 1), options);
}

TEST(TrainingLoader, BackgroundErrorsReachTheCallerInTheirPlace) {
  std::promise<FeaturesPtr> broken;
  broken.set_exception(std::make_exception_ptr(Error("train.tsv:7: no label")));
  TrainingLoaderOptions options;
  options.last_step = 10;
  TrainingLoader loader({ready_features(numbered_features(9, 0)), broken.get_future().share()},
                        TaskSampler(Sampling::kRoundRobin, {9, 9}, 1, 10, 1), options);
  EXPECT_EQ(loader.next().step, 0);
  for (int again = 0; again < 2; ++again) {
    try {
      loader.next();
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "train.tsv:7: no label");
    }
  }
}

TEST(TrainingLoader, RefusesImpossibleSizes) {
  const TaskSampler sampler(Sampling::kRoundRobin, {9}, 1, 10, 1);
  TrainingLoaderOptions options;
  options.last_step = 10;
  const auto make = [&] { TrainingLoader loader(numbered_tasks({9}), sampler, options); };
  options.batch_size = 0;
  EXPECT_THROW(make(), UsageError);
  options.batch_size = 32;
  options.accumulation_steps = 5;
  EXPECT_THROW(make(), UsageError);
  options.accumulation_steps = 0;
  EXPECT_THROW(make(), UsageError);
  options.accumulation_steps = 1;
  TrainingLoader loader(numbered_tasks({8}), sampler, options);  // the sampler was told 9
  EXPECT_THROW(loader.next(), Error);
}

TEST(EvaluationLoader, CoversAllRowsOnceAndMapsThemBack) {
  const FeaturesPtr first = numbered_features(23, 0);
  const FeaturesPtr second = numbered_features(10, kTaskIds);
  const FeaturesPtr third = numbered_features(4, 2 * kTaskIds);
  // Two files of one task, and sources not sorted by task.
  const EvaluationLoader loader({{1, first}, {0, second}, {1, third}}, 8);
  EXPECT_EQ(loader.num_rows(), 37);
  EXPECT_EQ(loader.num_batches(), 5);
  EXPECT_EQ(loader.first_row_id(2), 33);
  const std::vector<FeaturesPtr> sets = {first, second, third};
  std::vector<int> seen(37, 0);
  int64_t last_shortest = INT64_MAX;
  bool mixed = false;
  for (int64_t i = 0; i < loader.num_batches(); ++i) {
    const PackedBatch batch = loader.batch(i);
    EXPECT_EQ(batch.num_rows(), i < 4 ? 8 : 5);
    mixed = mixed || batch.segments.size() > 1;
    int64_t shortest = INT64_MAX;
    for (int64_t b = 0; b < batch.num_rows(); ++b) {
      const auto at = static_cast<size_t>(b);
      const int64_t id = batch.row_ids[at];
      ++seen.at(static_cast<size_t>(id));
      const EvaluationLoader::Row place = loader.row(id);
      EXPECT_EQ(id, loader.first_row_id(place.source) + place.row);
      const int64_t length = batch.cu_seqlens[at + 1] - batch.cu_seqlens[at];
      EXPECT_EQ(batch.token_ids[static_cast<size_t>(batch.cu_seqlens[at])],
                place.source * kTaskIds + place.row);
      EXPECT_EQ(length, sets[static_cast<size_t>(place.source)]->row_length(place.row));
      EXPECT_EQ(batch.targets_of(b).front(),
                sets[static_cast<size_t>(place.source)]->targets_of(place.row).front());
      EXPECT_LE(length, last_shortest);
      shortest = std::min(shortest, length);
    }
    for (const Segment& segment : batch.segments) {
      for (int64_t b = segment.first_row; b < segment.last_row; ++b) {
        const int64_t source = loader.row(batch.row_ids[static_cast<size_t>(b)]).source;
        EXPECT_EQ(segment.task, source == 1 ? 0 : 1);
      }
    }
    last_shortest = shortest;
  }
  EXPECT_TRUE(mixed);
  EXPECT_EQ(seen, std::vector<int>(37, 1));
  EXPECT_THROW(loader.batch(5), std::out_of_range);
  EXPECT_THROW(loader.row(37), std::out_of_range);
}

TEST(EvaluationLoader, NothingToEvaluateIsFine) {
  EXPECT_EQ(EvaluationLoader({}, 8).num_batches(), 0);
  const EvaluationLoader loader(
      {{0, std::make_shared<const FeatureSet>()}, {1, numbered_features(1, 0)}}, 8);
  EXPECT_EQ(loader.num_batches(), 1);
  EXPECT_EQ(loader.row(0).source, 1);
  EXPECT_THROW(EvaluationLoader({}, 0), UsageError);
}

TEST(TrainingLoader, ATeachersLogitsComeWithTheirRows) {
  const std::vector<int64_t> sizes = {37, 20};
  TrainingLoaderOptions options;
  options.batch_size = 8;
  options.accumulation_steps = 2;
  options.last_step = 20;
  auto logits = std::make_shared<std::vector<float>>();
  for (int64_t row = 0; row < sizes[1]; ++row) {
    logits->push_back(static_cast<float>(row));
    logits->push_back(static_cast<float>(-row));
  }
  options.teachers = {nullptr, logits};
  options.teacher_steps = 16;
  const TaskSampler sampler(Sampling::kRoundRobin, sizes, options.seed, 20, 1);
  TrainingLoader loader(numbered_tasks(sizes), sampler, options);
  for (int64_t step = 0; step < 20; ++step) {
    const TrainingBatch batch = loader.next();
    const double weight =
        batch.task == 0 || step >= 16 ? 0.0 : 1.0 - static_cast<double>(step) / 16.0;
    const std::vector<int64_t> rows = rows_of(batch);
    size_t row = 0;
    for (const PackedBatch& micro : batch.micro_batches) {
      EXPECT_EQ(micro.teacher_weight, weight);
      for (int64_t e = 0; e < micro.num_examples(); ++e, ++row) {
        const std::span<const float> taught = micro.taught_of(e);
        ASSERT_EQ(taught.size(), weight > 0.0 ? 2U : 0U);
        if (weight == 0.0) continue;
        EXPECT_EQ(taught[0], static_cast<float>(rows[row]));
        EXPECT_EQ(taught[1], -static_cast<float>(rows[row]));
      }
    }
  }
}

TEST(TeacherWeight, FallsFromOneToNothing) {
  EXPECT_EQ(teacher_weight(0, 4), 1.0);
  EXPECT_EQ(teacher_weight(1, 4), 0.75);
  EXPECT_EQ(teacher_weight(3, 4), 0.25);
  EXPECT_EQ(teacher_weight(4, 4), 0.0);
  EXPECT_EQ(teacher_weight(0, 0), 0.0);
}

}  // namespace
}  // namespace pals
