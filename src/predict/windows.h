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

/// Which rows of an input are read, and what becomes of those that cannot be.
struct ReadRules {
  /// Rows of other shards are passed over, whatever is wrong with them.
  InputShard shard = {};
  /// Faulty rows are EncodedRows::bad, as long as the input goes on behind them; else the first one
  /// ends the reading.
  bool keep_bad = false;
};

/// Reads and encodes texts while the caller computes. At most two windows are held, so memory does
/// not grow with the input. When the input has nothing more at hand and the caller waits, it gets
/// what there is: a line in gives an answer out.
///
/// Windows end at multiples of `rows` rows of the input, and the runs between those belong to one
/// shard each. So all windows of a file, and whatever rounding depends on them, are the same
/// whether it is read whole or in shards.
class WindowReader {
 public:
  /// Rows are cut to `max_seq_length`, and `rows` of them, or texts, make a full window, as do long
  /// contexts together. `tokenizer` must outlive the reader.
  WindowReader(std::unique_ptr<TextInput> input, const Tokenizer& tokenizer, int max_seq_length,
               int64_t rows, std::vector<RowForm> forms = {RowForm()}, std::stop_token stop = {},
               ReadRules rules = {});
  ~WindowReader();
  WindowReader(const WindowReader&) = delete;
  WindowReader& operator=(const WindowReader&) = delete;

  /// The next texts and bad rows, at least one; nothing at the end. Throws what reading threw,
  /// after all texts before that were given, and Error once `stop` is requested.
  std::optional<EncodedRows> next();

 private:
  void run(const std::stop_token& stop);
  bool full(const TextEncoder& window) const;
  bool fill(TextEncoder& window, const std::stop_token& stop);
  bool take_row(TextEncoder& window);
  bool passes_over();
  bool wait_for_text(bool window_empty, const std::stop_token& stop);

  std::unique_ptr<TextInput> input_;
  const Tokenizer& tokenizer_;
  int max_seq_length_;
  int64_t rows_;
  std::vector<RowForm> forms_;
  std::stop_token stopped_;
  ReadRules rules_;
  InputRow row_;
  int64_t next_row_ = 0;  // of the input
  int64_t shard_ = 1;     // that the rows up to the next multiple of rows_ belong to

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<EncodedRows> ready_;
  std::exception_ptr error_;
  bool waiting_ = false;  // the caller, in next()
  bool done_ = false;
  std::jthread thread_;  // last: it uses all the others
};

}  // namespace pals
