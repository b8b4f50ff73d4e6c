// Jobs that wait for the network, and the one thread that computes them in shared batches.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "serve/job.h"
#include "serve/job_batch.h"

namespace pals {

/// What a batch was.
struct BatchReport {
  int64_t examples = 0, tokens = 0;
  std::chrono::steady_clock::duration taken = {};
};

struct BatcherOptions {
  int64_t max_batch_tokens = 1024;  ///< an example with more is a batch by itself
  int64_t queue_tokens = 65'536;    ///< that wait; a job that finds none waiting is always taken
  std::function<void()> on_start = {};  ///< called first by the thread that computes
  /// Called after each batch, before its jobs' `done`.
  std::function<void(const BatchReport&)> on_batch = {};
};

/// A batch is what waits when the thread is free, up to a number of tokens. While more waits, each
/// job gets an equal share of every batch, so that a short one is not kept by a long one.
class Batcher {
 public:
  explicit Batcher(BatcherOptions options);
  /// What waits ends as kFailed.
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  /// False if too much waits; the job is then left alone. Any thread.
  bool submit(const std::shared_ptr<Job>& job);

  /// Has the thread call `action` between two batches. Any thread; does not wait for it.
  void between_batches(std::function<void()> action);

  int64_t queued_tokens() const;
  size_t queued_jobs() const;
  /// How long what waits will take, from what was computed lately.
  std::chrono::duration<double> expected_wait() const;

 private:
  /// A job and how far it is.
  struct Waiting {
    std::shared_ptr<Job> job;
    size_t source = 0;      ///< of the next example
    int64_t example = 0;    ///< the next
    int64_t tokens = 0;     ///< of the job
    bool had_turn = false;  ///< in the batch at hand
    bool finished() const { return source == job->sources.size(); }
  };

  void run(const std::stop_token& stop);
  /// Takes jobs without anyone who waits out of the queue.
  std::vector<Waiting> take_gone();
  /// Takes examples for the next batch out of the queue; `touched` are their jobs.
  void take_batch(JobBatch& batch, std::vector<std::shared_ptr<Job>>& touched,
                  std::vector<std::shared_ptr<Job>>& finished);
  bool take_example(Waiting& waiting, JobBatch& batch) const;
  void compute(JobBatch& batch, const std::vector<std::shared_ptr<Job>>& touched,
               const std::vector<std::shared_ptr<Job>>& finished);
  void drop(const std::vector<std::shared_ptr<Job>>& failed);

  BatcherOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Waiting> queue_;
  std::deque<std::function<void()>> actions_;
  int64_t queued_tokens_ = 0;
  double tokens_per_second_ = 0.0;  ///< 0: not known yet
  std::jthread thread_;             // last: it uses all the others
};

}  // namespace pals
