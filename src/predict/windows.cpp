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
                           std::stop_token stop)
    : input_(std::move(input)),
      tokenizer_(tokenizer),
      max_seq_length_(max_seq_length),
      rows_(rows),
      forms_(std::move(forms)),
      stopped_(std::move(stop)),
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
  return window.num_texts() >= rows_ || window.num_rows() >= rows_ ||
         window.context_bytes() >= kContextBytes;
}

// Adds texts to an empty window; false if the input is over.
bool WindowReader::fill(TextEncoder& window, const std::stop_token& stop) {
  InputRow row;
  while (!full(window)) {
    if (!wait_for_text(window.num_texts() == 0, stop)) return true;
    if (stop.stop_requested()) return false;
    if (stopped_.stop_requested()) fail("stopped");
    if (!input_->next(row)) return false;
    window.add(row);
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
    if (window.num_texts > 0) ready_ = std::move(window);
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
