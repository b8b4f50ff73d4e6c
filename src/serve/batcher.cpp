#include "serve/batcher.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

namespace pals {
namespace {

constexpr double kNewestWeight = 0.2;  // of a batch in the average of speeds

void end_job(Job& job, JobEnd end, const std::string& error = "") {
  job.end = end;
  job.error = error;
  const auto done = std::exchange(job.done, nullptr);  // which may hold the job
  if (done) done(job);
}

}  // namespace

Batcher::Batcher(BatcherOptions options)
    : options_(std::move(options)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

Batcher::~Batcher() {
  thread_.request_stop();
  thread_.join();
  for (const Waiting& waiting : queue_) end_job(*waiting.job, JobEnd::kFailed, "the server ends");
  for (const auto& action : actions_) action();
}

bool Batcher::submit(const std::shared_ptr<Job>& job) {
  JobBatch::prepare(*job);
  Waiting waiting{.job = job, .tokens = job->num_tokens()};
  job->queued = Job::Clock::now();
  while (!waiting.finished() && job->sources[waiting.source].features->num_examples() == 0) {
    ++waiting.source;
  }
  {
    const std::lock_guard lock(mutex_);
    if (queued_tokens_ > 0 && queued_tokens_ + waiting.tokens > options_.queue_tokens) return false;
    queued_tokens_ += waiting.tokens;
    queue_.push_back(std::move(waiting));
  }
  changed_.notify_all();
  return true;
}

void Batcher::between_batches(std::function<void()> action) {
  {
    const std::lock_guard lock(mutex_);
    actions_.push_back(std::move(action));
  }
  changed_.notify_all();
}

int64_t Batcher::queued_tokens() const {
  const std::lock_guard lock(mutex_);
  return queued_tokens_;
}

size_t Batcher::queued_jobs() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

std::chrono::duration<double> Batcher::expected_wait() const {
  const std::lock_guard lock(mutex_);
  const double speed = tokens_per_second_;
  return std::chrono::duration<double>(speed > 0.0 ? static_cast<double>(queued_tokens_) / speed
                                                   : 1.0);
}

void Batcher::run(const std::stop_token& stop) {
  if (options_.on_start) options_.on_start();
  while (true) {
    std::vector<Waiting> gone;
    std::vector<std::shared_ptr<Job>> touched, finished;
    JobBatch batch;
    std::deque<std::function<void()>> actions;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [this] { return !queue_.empty() || !actions_.empty(); });
      if (stop.stop_requested()) return;
      actions.swap(actions_);
      gone = take_gone();
      if (actions.empty()) take_batch(batch, touched, finished);
    }
    for (const auto& action : actions) action();
    for (const Waiting& waiting : gone) end_job(*waiting.job, JobEnd::kGone);
    if (!touched.empty()) compute(batch, touched, finished);
  }
}

std::vector<Batcher::Waiting> Batcher::take_gone() {
  std::vector<Waiting> gone;
  std::erase_if(queue_, [&](const Waiting& waiting) {
    if (!waiting.job->gone.stop_requested()) return false;
    queued_tokens_ -= waiting.tokens;
    gone.push_back(waiting);
    return true;
  });
  return gone;
}

// False if there is no room for it.
bool Batcher::take_example(Waiting& waiting, JobBatch& batch) const {
  const FeatureSet& features = *waiting.job->sources[waiting.source].features;
  const int64_t first = features.first_row(waiting.example);
  const int64_t last = features.first_row(waiting.example + 1);
  const int64_t tokens = features.row_offsets[static_cast<size_t>(last)] -
                         features.row_offsets[static_cast<size_t>(first)];
  if (!batch.empty() && batch.num_tokens() + tokens > options_.max_batch_tokens) return false;
  batch.add(waiting.job, waiting.source, waiting.example);
  if (++waiting.example < features.num_examples()) return true;
  waiting.example = 0;
  do {
    ++waiting.source;
  } while (!waiting.finished() &&
           waiting.job->sources[waiting.source].features->num_examples() == 0);
  return true;
}

void Batcher::take_batch(JobBatch& batch, std::vector<std::shared_ptr<Job>>& touched,
                         std::vector<std::shared_ptr<Job>>& finished) {
  if (queue_.empty()) return;
  std::vector<Waiting*> fitting;
  for (Waiting& waiting : queue_) {
    if (JobBatch::fit_together(*queue_.front().job, *waiting.job)) fitting.push_back(&waiting);
  }
  const int64_t share =
      std::max<int64_t>(1, options_.max_batch_tokens / static_cast<int64_t>(fitting.size()));
  for (const int64_t limit : {share, options_.max_batch_tokens}) {
    for (Waiting* waiting : fitting) {
      const int64_t before = batch.num_tokens();
      while (!waiting->finished() && batch.num_tokens() - before < limit &&
             take_example(*waiting, batch)) {
        waiting->had_turn = true;
      }
    }
  }
  // Those that had their turn and are not done go behind the others.
  std::deque<Waiting> others, again;
  for (Waiting& waiting : queue_) {
    const bool had_turn = std::exchange(waiting.had_turn, false);
    if (had_turn || waiting.finished()) touched.push_back(waiting.job);
    if (waiting.finished()) {
      finished.push_back(waiting.job);
      queued_tokens_ -= waiting.tokens;
    } else {
      (had_turn ? again : others).push_back(std::move(waiting));
    }
  }
  queue_ = std::move(others);
  std::ranges::move(again, std::back_inserter(queue_));
}

void Batcher::compute(JobBatch& batch, const std::vector<std::shared_ptr<Job>>& touched,
                      const std::vector<std::shared_ptr<Job>>& finished) {
  const auto started = Job::Clock::now();
  std::string error;
  try {
    if (!batch.empty()) batch.run();
  } catch (const std::exception& failure) {
    error = failure.what();
    if (error.empty()) error = "unknown error";
  }
  const auto taken = Job::Clock::now() - started;
  for (const auto& job : touched) {
    if (job->first_run == Job::Clock::time_point()) job->first_run = started;
    job->running += taken;
  }
  if (!error.empty()) {
    drop(touched);
    for (const auto& job : touched) end_job(*job, JobEnd::kFailed, error);
    return;
  }
  if (options_.on_batch) options_.on_batch({batch.num_examples(), batch.num_tokens(), taken});
  {
    const std::lock_guard lock(mutex_);
    const std::chrono::duration<double> seconds = taken;
    const double speed = static_cast<double>(batch.num_tokens()) / std::max(seconds.count(), 1e-9);
    tokens_per_second_ = tokens_per_second_ == 0.0
                             ? speed
                             : tokens_per_second_ + kNewestWeight * (speed - tokens_per_second_);
  }
  for (const auto& job : finished) end_job(*job, JobEnd::kDone);
}

void Batcher::drop(const std::vector<std::shared_ptr<Job>>& failed) {
  const std::lock_guard lock(mutex_);
  std::erase_if(queue_, [&](const Waiting& waiting) {
    if (std::ranges::find(failed, waiting.job) == failed.end()) return false;
    queued_tokens_ -= waiting.tokens;
    return true;
  });
}

}  // namespace pals
