// Texts as tokens, a window of them at a time, read ahead on a thread of its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "predict/encode.h"
#include "predict/text_input.h"
#include "text/tokenizer.h"

namespace pals {

/// Reads and encodes texts while the caller computes. At most two windows are held, so memory does
/// not grow with the input. When the input has nothing more at hand and the caller waits, it gets
/// what there is: a line in gives an answer out.
class WindowReader {
 public:
  /// Rows are cut to `max_seq_length`, and `rows` of them, or texts, make a full window, as do long
  /// contexts together. `tokenizer` must outlive the reader.
  WindowReader(std::unique_ptr<TextInput> input, const Tokenizer& tokenizer, int max_seq_length,
               int64_t rows, std::vector<RowForm> forms = {RowForm()}, std::stop_token stop = {});
  ~WindowReader();
  WindowReader(const WindowReader&) = delete;
  WindowReader& operator=(const WindowReader&) = delete;

  /// The next texts, at least one; nothing at the end. Throws what reading threw, after all texts
  /// before that were given, and Error once `stop` is requested.
  std::optional<EncodedRows> next();

 private:
  void run(const std::stop_token& stop);
  bool full(const TextEncoder& window) const;
  bool fill(TextEncoder& window, const std::stop_token& stop);
  bool wait_for_text(bool window_empty, const std::stop_token& stop);

  std::unique_ptr<TextInput> input_;
  const Tokenizer& tokenizer_;
  int max_seq_length_;
  int64_t rows_;
  std::vector<RowForm> forms_;
  std::stop_token stopped_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<EncodedRows> ready_;
  std::exception_ptr error_;
  bool waiting_ = false;  // the caller, in next()
  bool done_ = false;
  std::jthread thread_;  // last: it uses all the others
};

}  // namespace pals
