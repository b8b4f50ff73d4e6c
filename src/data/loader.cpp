#include "data/loader.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <span>
#include <stdexcept>
#include <utility>

#include "base/error.h"
#include "base/random.h"

namespace pals {
namespace {

// Keeps the shuffles apart from other uses of the run's seed.
constexpr uint64_t kShuffleSalt = 0x73687566666c6531;  // "shuffle1"

/// The order of the examples of one pass over a task.
std::vector<uint32_t> shuffled_examples(int64_t count, uint64_t seed, int task, int64_t pass) {
  std::vector<uint32_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0U);
  Random random(mix64(mix64(seed ^ kShuffleSalt) + static_cast<uint64_t>(task)),
                static_cast<uint64_t>(pass));
  shuffle(order, random);
  return order;
}

}  // namespace

double teacher_weight(int64_t step, int64_t steps) {
  if (step >= steps) return 0.0;
  return 1.0 - static_cast<double>(step) / static_cast<double>(steps);
}

TrainingLoader::TrainingLoader(std::vector<FeaturesFuture> features, TaskSampler sampler,
                               const TrainingLoaderOptions& options)
    : features_(std::move(features)),
      sampler_(std::move(sampler)),
      options_(options),
      next_step_(options.first_step),
      positions_(features_.size()) {
  if (static_cast<int>(features_.size()) != sampler_.num_tasks()) {
    throw std::logic_error("TrainingLoader: features and sampler differ in their tasks");
  }
  if (options_.batch_size < 1) {
    fail_usage("the training batch size is ", options_.batch_size, "; it must be at least 1");
  }
  if (options_.accumulation_steps < 1 || options_.batch_size % options_.accumulation_steps != 0) {
    fail_usage("gradient_accumulation_steps is ", options_.accumulation_steps,
               "; it must be at least 1 and divide the batch size ", options_.batch_size);
  }
  for (const int64_t size : sampler_.sizes()) {
    if (size > UINT32_MAX)
      fail("a task has ", size, " training examples; at most 2^32 - 1 are possible");
  }
  worker_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

TrainingLoader::~TrainingLoader() = default;

TrainingBatch TrainingLoader::next() {
  std::unique_lock lock(mutex_);
  if (next_step_ >= options_.last_step) throw std::logic_error("TrainingLoader: no steps are left");
  changed_.wait(lock, [this] { return !queue_.empty() || failure_; });
  if (queue_.empty()) std::rethrow_exception(failure_);
  TrainingBatch batch = std::move(queue_.front());
  queue_.pop_front();
  ++next_step_;
  lock.unlock();
  changed_.notify_all();
  return batch;
}

void TrainingLoader::run(const std::stop_token& stop) {
  try {
    for (int64_t step = 0; step < options_.first_step && !stop.stop_requested(); ++step) {
      ++positions_[static_cast<size_t>(sampler_.task_at(step))].batches_drawn;
    }
    for (int64_t step = options_.first_step; step < options_.last_step; ++step) {
      TrainingBatch batch = prepare(step, stop);
      std::unique_lock lock(mutex_);
      const bool go_on = changed_.wait(lock, stop, [this] {
        return static_cast<int64_t>(queue_.size()) < std::max<int64_t>(1, options_.queue_length);
      });
      if (!go_on) return;
      queue_.push_back(std::move(batch));
      lock.unlock();
      changed_.notify_all();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    changed_.notify_all();
  }
}

const FeatureSet& TrainingLoader::wait_for(int task, const std::stop_token& stop) {
  const FeaturesFuture& future = features_[static_cast<size_t>(task)];
  // A future knows nothing of stop tokens: look now and then.
  while (future.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout) {
    if (stop.stop_requested()) fail("loading was stopped");
  }
  return *future.get();
}

TrainingBatch TrainingLoader::prepare(int64_t step, const std::stop_token& stop) {
  const int task = sampler_.task_at(step);
  const FeatureSet& features = wait_for(task, stop);
  const int64_t num_examples = sampler_.sizes()[static_cast<size_t>(task)];
  if (features.num_examples() != num_examples) {
    fail("task ", task + 1, " has ", features.num_examples(), " training examples, but ",
         num_examples, " were counted before; do its files change?");
  }

  Position& position = positions_[static_cast<size_t>(task)];
  const int64_t batches_per_pass = steps_per_pass(num_examples, options_.batch_size);
  const int64_t pass = position.batches_drawn / batches_per_pass;
  const int64_t first = position.batches_drawn % batches_per_pass * options_.batch_size;
  const int64_t task_step = position.batches_drawn++;
  if (position.shuffled_pass != pass) {
    position.order = shuffled_examples(num_examples, options_.seed, task, pass);
    position.shuffled_pass = pass;
  }

  const bool has_teacher =
      !options_.teachers.empty() && options_.teachers.at(static_cast<size_t>(task)) != nullptr;
  const double weight = has_teacher ? teacher_weight(step, options_.teacher_steps) : 0.0;
  TrainingBatch batch;
  batch.step = step;
  batch.task = task;
  batch.task_step = task_step;
  batch.num_examples = std::min(options_.batch_size, num_examples - first);
  const int64_t micro_size = options_.batch_size / options_.accumulation_steps;
  int64_t rows_before = 0;  // in the micro batches that are full
  for (int64_t i = 0; i < batch.num_examples; ++i) {
    if (i % micro_size == 0) {
      if (i > 0) rows_before += batch.micro_batches.back().num_rows();
      batch.micro_batches.emplace_back().teacher_weight = weight;
    }
    PackedBatch& micro = batch.micro_batches.back();
    const int64_t example = position.order[static_cast<size_t>(first + i)];
    append_example(features, example, task, rows_before + micro.num_rows(), micro);
    if (weight > 0.0) teach(task, example, micro);
  }
  return batch;
}

void TrainingLoader::teach(int task, int64_t example, PackedBatch& batch) const {
  const FeatureSet& features = *features_[static_cast<size_t>(task)].get();
  const std::vector<float>& logits = *options_.teachers[static_cast<size_t>(task)];
  const int64_t width = std::ssize(logits) / std::max<int64_t>(1, features.num_rows());
  const int64_t first = features.first_row(example) * width;
  const int64_t last = features.first_row(example + 1) * width;
  batch.teach(
      std::span(logits).subspan(static_cast<size_t>(first), static_cast<size_t>(last - first)));
}

EvaluationLoader::EvaluationLoader(std::vector<EvaluationSource> sources,
                                   int64_t examples_per_batch)
    : sources_(std::move(sources)), examples_per_batch_(examples_per_batch), first_row_ids_{0} {
  if (examples_per_batch < 1) {
    fail_usage("the evaluation batch size is ", examples_per_batch, "; it must be at least 1");
  }
  for (size_t s = 0; s < sources_.size(); ++s) {
    const FeatureSet& features = *sources_[s].features;
    first_row_ids_.push_back(first_row_ids_.back() + features.num_rows());
    for (int64_t e = 0; e < features.num_examples(); ++e) order_.push_back({s, e});
  }
  std::stable_sort(order_.begin(), order_.end(), [this](const Place& a, const Place& b) {
    return longest_row(a) > longest_row(b);
  });
  for (int64_t i = 0; i < num_batches(); ++i) {
    const auto first = order_.begin() + i * examples_per_batch_;
    const auto last = order_.begin() + std::min((i + 1) * examples_per_batch_, num_examples());
    std::stable_sort(first, last, [this](const Place& a, const Place& b) {
      return sources_[a.source].task < sources_[b.source].task;
    });
  }
}

int64_t EvaluationLoader::longest_row(const Place& place) const {
  const FeatureSet& features = *sources_[place.source].features;
  int64_t longest = 0;
  for (int64_t row = features.first_row(place.example); row < features.first_row(place.example + 1);
       ++row) {
    longest = std::max(longest, features.row_length(row));
  }
  return longest;
}

PackedBatch EvaluationLoader::batch(int64_t i) const {
  if (i < 0 || i >= num_batches()) throw std::out_of_range("EvaluationLoader::batch");
  PackedBatch batch;
  const int64_t last = std::min((i + 1) * examples_per_batch_, num_examples());
  for (int64_t at = i * examples_per_batch_; at < last; ++at) {
    const Place& place = order_[static_cast<size_t>(at)];
    const EvaluationSource& source = sources_[place.source];
    const int64_t row_id = first_row_ids_[place.source] + source.features->first_row(place.example);
    append_example(*source.features, place.example, source.task, row_id, batch);
  }
  return batch;
}

EvaluationLoader::Row EvaluationLoader::row(int64_t row_id) const {
  if (row_id < 0 || row_id >= num_rows()) throw std::out_of_range("EvaluationLoader::row");
  const auto after = std::upper_bound(first_row_ids_.begin(), first_row_ids_.end(), row_id);
  const int64_t source = after - first_row_ids_.begin() - 1;
  return {source, row_id - first_row_ids_[static_cast<size_t>(source)]};
}

}  // namespace pals
