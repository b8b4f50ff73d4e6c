// What one request asks of the network, and what comes of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "predict/run.h"
#include "predict/runner.h"

namespace pals {

enum class JobEnd { kDone, kGone, kFailed };

struct Job {
  using Clock = std::chrono::steady_clock;

  // What is asked.
  std::shared_ptr<const Runner> runner;
  std::vector<AskedRows> sources;
  std::optional<VectorOptions> wanted_vectors = {};  ///< in place of the sources' heads
  std::stop_token gone = {};                         ///< nobody waits for it any more
  /// Called once, by the thread that computes, which must not be kept.
  std::function<void(Job&)> done = {};

  // What came of it.
  JobEnd end = JobEnd::kDone;
  std::string error = {};
  std::vector<std::vector<Logits>> logits = {};  ///< as run_rows gives them
  std::vector<std::vector<float>> vectors = {};  ///< of each source, [rows, hidden_size]
  Clock::time_point queued = {}, first_run = {};
  Clock::duration running = {};  ///< of all batches that it had rows in

  int64_t num_tokens() const;
};

}  // namespace pals
