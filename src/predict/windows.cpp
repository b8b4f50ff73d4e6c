#include "predict/windows.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/signal.h"

namespace pals {
namespace {

constexpr int kIdleMilliseconds = 50;   // between looks at the stop flag
constexpr int kGatherMilliseconds = 2;  // waited for more rows while the caller computes

void append_encoded(const Tokenizer& tokenizer, const TextPair& texts, int max_seq_length,
                    FeatureSet& window) {
  window.end_row(encode_pair(tokenizer, texts.a, texts.b, max_seq_length, window.token_ids));
  window.end_example({});
}

}  // namespace

WindowReader::WindowReader(std::unique_ptr<TextInput> input, const Tokenizer& tokenizer,
                           int max_seq_length, int64_t rows)
    : input_(std::move(input)),
      tokenizer_(tokenizer),
      max_seq_length_(max_seq_length),
      rows_(rows),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

WindowReader::~WindowReader() = default;  // the thread is asked to stop, and joined

// Whether next() of the input can be called without waiting; false to give the window as it is.
bool WindowReader::wait_for_row(bool window_empty, const std::stop_token& stop) {
  while (!input_->at_hand(window_empty ? kIdleMilliseconds : kGatherMilliseconds)) {
    if (stop.stop_requested()) return false;
    if (stop_requested()) fail("stopped");
    if (window_empty) continue;
    const std::lock_guard lock(mutex_);
    if (waiting_) return false;
  }
  return true;
}

// Adds rows to an empty window; false if the input is over.
bool WindowReader::fill(FeatureSet& window, const std::stop_token& stop) {
  while (window.num_rows() < rows_) {
    if (!wait_for_row(window.num_rows() == 0, stop)) return true;
    if (stop.stop_requested()) return false;
    if (stop_requested()) fail("stopped");
    TextPair texts;
    if (!input_->next(texts)) return false;
    append_encoded(tokenizer_, texts, max_seq_length_, window);
  }
  return true;
}

void WindowReader::run(const std::stop_token& stop) {
  bool more = true;
  std::exception_ptr error;
  while (more && !stop.stop_requested()) {
    FeatureSet window;
    try {
      more = fill(window, stop);
    } catch (...) {
      error = std::current_exception();
      more = false;
    }
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [this] { return !ready_; })) return;
    if (window.num_rows() > 0) ready_ = std::move(window);
    if (!more) {
      error_ = error;
      done_ = true;
    }
    changed_.notify_all();
  }
}

std::optional<FeatureSet> WindowReader::next() {
  std::unique_lock lock(mutex_);
  waiting_ = true;
  changed_.wait(lock, [this] { return ready_ || done_; });
  waiting_ = false;
  std::optional<FeatureSet> window = std::exchange(ready_, std::nullopt);
  changed_.notify_all();
  if (!window && error_) std::rethrow_exception(error_);
  return window;
}

void for_each_batch(const FeatureSet& window, const std::vector<int>& tasks, int64_t batch_size,
                    const std::function<void(const PackedBatch&)>& run) {
  const auto num_tasks = static_cast<int64_t>(tasks.size());
  std::vector<int64_t> order(static_cast<size_t>(window.num_rows() * num_tasks));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::ranges::greater(),
                           [&](int64_t item) { return window.row_length(item / num_tasks); });
  const auto task_of = [&](int64_t item) { return tasks[static_cast<size_t>(item % num_tasks)]; };
  for (size_t first = 0; first < order.size(); first += static_cast<size_t>(batch_size)) {
    const size_t last = std::min(order.size(), first + static_cast<size_t>(batch_size));
    const auto begin = order.begin() + static_cast<int64_t>(first);
    const auto end = order.begin() + static_cast<int64_t>(last);
    std::stable_sort(begin, end, [&](int64_t a, int64_t b) { return task_of(a) < task_of(b); });
    PackedBatch batch;
    for (auto item = begin; item != end; ++item) {
      append_example(window, *item / num_tasks, task_of(*item), *item, batch);
    }
    run(batch);
  }
}

}  // namespace pals
