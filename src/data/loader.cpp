#include "data/loader.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "base/error.h"
#include "base/random.h"

namespace pals {
namespace {

// Keeps the shuffles apart from other uses of the run's seed.
constexpr uint64_t kShuffleSalt = 0x73687566666c6531;  // "shuffle1"

/// The order of the rows of one pass over a task.
std::vector<uint32_t> shuffled_rows(int64_t num_rows, uint64_t seed, int task, int64_t pass) {
  std::vector<uint32_t> order(static_cast<size_t>(num_rows));
  std::iota(order.begin(), order.end(), 0U);
  Random random(mix64(mix64(seed ^ kShuffleSalt) + static_cast<uint64_t>(task)),
                static_cast<uint64_t>(pass));
  shuffle(order, random);
  return order;
}

}  // namespace

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
      fail("a task has ", size, " training rows; at most 2^32 - 1 are possible");
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
  const int64_t num_rows = sampler_.sizes()[static_cast<size_t>(task)];
  if (features.num_rows() != num_rows) {
    fail("task ", task + 1, " has ", features.num_rows(), " training rows, but ", num_rows,
         " were counted before; do its files change?");
  }

  Position& position = positions_[static_cast<size_t>(task)];
  const int64_t batches_per_pass = steps_per_pass(num_rows, options_.batch_size);
  const int64_t pass = position.batches_drawn / batches_per_pass;
  const int64_t first = position.batches_drawn % batches_per_pass * options_.batch_size;
  const int64_t task_step = position.batches_drawn++;
  if (position.shuffled_pass != pass) {
    position.order = shuffled_rows(num_rows, options_.seed, task, pass);
    position.shuffled_pass = pass;
  }

  TrainingBatch batch;
  batch.step = step;
  batch.task = task;
  batch.task_step = task_step;
  batch.num_rows = std::min(options_.batch_size, num_rows - first);
  const int64_t micro_size = options_.batch_size / options_.accumulation_steps;
  for (int64_t row = 0; row < batch.num_rows; ++row) {
    if (row % micro_size == 0) batch.micro_batches.emplace_back();
    append_row(features, position.order[static_cast<size_t>(first + row)], task, row,
               batch.micro_batches.back());
  }
  return batch;
}

EvaluationLoader::EvaluationLoader(std::vector<EvaluationSource> sources, int64_t rows_per_batch)
    : sources_(std::move(sources)), rows_per_batch_(rows_per_batch), first_row_ids_{0} {
  if (rows_per_batch < 1) {
    fail_usage("the evaluation batch size is ", rows_per_batch, "; it must be at least 1");
  }
  std::vector<int64_t> lengths;
  std::vector<int> tasks;
  for (const EvaluationSource& source : sources_) {
    const int64_t rows = source.features->num_rows();
    first_row_ids_.push_back(first_row_ids_.back() + rows);
    for (int64_t row = 0; row < rows; ++row) lengths.push_back(source.features->row_length(row));
    tasks.insert(tasks.end(), static_cast<size_t>(rows), source.task);
  }
  order_.resize(lengths.size());
  std::iota(order_.begin(), order_.end(), int64_t{0});
  const auto length_of = [&](int64_t id) { return lengths[static_cast<size_t>(id)]; };
  const auto task_of = [&](int64_t id) { return tasks[static_cast<size_t>(id)]; };
  std::stable_sort(order_.begin(), order_.end(),
                   [&](int64_t a, int64_t b) { return length_of(a) > length_of(b); });
  for (int64_t i = 0; i < num_batches(); ++i) {
    const auto first = order_.begin() + i * rows_per_batch_;
    const auto last = order_.begin() + std::min((i + 1) * rows_per_batch_, num_rows());
    std::stable_sort(first, last, [&](int64_t a, int64_t b) { return task_of(a) < task_of(b); });
  }
}

PackedBatch EvaluationLoader::batch(int64_t i) const {
  if (i < 0 || i >= num_batches()) throw std::out_of_range("EvaluationLoader::batch");
  PackedBatch batch;
  const int64_t last = std::min((i + 1) * rows_per_batch_, num_rows());
  for (int64_t at = i * rows_per_batch_; at < last; ++at) {
    const int64_t row_id = order_[static_cast<size_t>(at)];
    const Row place = row(row_id);
    const EvaluationSource& source = sources_[static_cast<size_t>(place.source)];
    append_row(*source.features, place.row, source.task, row_id, batch);
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
