#include "predict/windows.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace pals {
namespace {

constexpr int kIdleMilliseconds = 50;   // between looks at the stop flag
constexpr int kGatherMilliseconds = 2;  // waited for more texts while the caller computes
constexpr size_t kContextBytes = size_t{4} << 20;  // of a window's questions together

}  // namespace

WindowReader::WindowReader(std::unique_ptr<TextInput> input, const Tokenizer& tokenizer,
                           int max_seq_length, int64_t rows, std::vector<RowForm> forms,
                           std::stop_token stop, ReadRules rules)
    : input_(std::move(input)),
      tokenizer_(tokenizer),
      max_seq_length_(max_seq_length),
      rows_(rows),
      forms_(std::move(forms)),
      stopped_(std::move(stop)),
      rules_(rules),
      thread_([this](const std::stop_token& own) { run(own); }) {}

WindowReader::~WindowReader() = default;  // the thread is asked to stop, and joined

// Whether next() of the input can be called without waiting; false to give the window as it is.
bool WindowReader::wait_for_text(bool window_empty, const std::stop_token& stop) {
  while (!input_->at_hand(window_empty ? kIdleMilliseconds : kGatherMilliseconds)) {
    if (stop.stop_requested()) return false;
    if (stopped_.stop_requested()) fail("stopped");
    if (window_empty) continue;
    const std::lock_guard lock(mutex_);
    if (waiting_) return false;
  }
  return true;
}

bool WindowReader::full(const TextEncoder& window) const {
  return !window.empty() && (next_row_ % rows_ == 0 || window.num_rows() >= rows_ ||
                             window.context_bytes() >= kContextBytes);
}

// Counts the row that next() has just come upon; whether another shard has it.
bool WindowReader::passes_over() {
  if (rules_.shard.whole()) {
    ++next_row_;
    return false;
  }
  if (next_row_++ % rows_ == 0) shard_ = rules_.shard.at(input_->place());
  return shard_ != rules_.shard.number;
}

// Takes or passes over a row of the input; false at the end of it or of the shard.
bool WindowReader::take_row(TextEncoder& window) {
  std::exception_ptr fault;
  BadRow bad;
  try {
    if (!input_->next(row_)) return false;
  } catch (const Error& error) {
    if (!input_->goes_on()) throw;
    fault = std::current_exception();
    bad = {.line = input_->line(), .error = error.what()};
  }
  if (passes_over()) return shard_ < rules_.shard.number;
  if (fault && !rules_.keep_bad) std::rethrow_exception(fault);
  if (window.empty()) window.set_first_row(next_row_ - 1);
  if (fault) {
    window.add_bad(std::move(bad));
  } else {
    window.add(row_);
  }
  return true;
}

// Adds texts to an empty window; false if the input is over.
bool WindowReader::fill(TextEncoder& window, const std::stop_token& stop) {
  while (!full(window)) {
    if (!wait_for_text(window.empty(), stop)) return true;
    if (stop.stop_requested()) return false;
    if (stopped_.stop_requested()) fail("stopped");
    if (!take_row(window)) return false;
  }
  return true;
}

void WindowReader::run(const std::stop_token& stop) {
  bool more = true;
  std::exception_ptr error;
  const auto guard = [&](const auto& action) {
    try {
      action();
    } catch (...) {
      if (!error) error = std::current_exception();
      more = false;
    }
  };
  while (more && !stop.stop_requested()) {
    TextEncoder encoder({tokenizer_, max_seq_length_}, forms_);
    EncodedRows window;
    guard([&] { more = fill(encoder, stop); });
    guard([&] { window = encoder.finish(); });
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [this] { return !ready_; })) return;
    if (window.num_texts > 0 || !window.bad.empty()) ready_ = std::move(window);
    if (!more) {
      error_ = error;
      done_ = true;
    }
    changed_.notify_all();
  }
}

std::optional<EncodedRows> WindowReader::next() {
  std::unique_lock lock(mutex_);
  waiting_ = true;
  changed_.wait(lock, [this] { return ready_ || done_; });
  waiting_ = false;
  std::optional<EncodedRows> window = std::exchange(ready_, std::nullopt);
  changed_.notify_all();
  if (!window && error_) std::rethrow_exception(error_);
  return window;
}

}  // namespace pals
