// Texts as tokens, a window of rows at a time, read ahead on a thread of its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "batch/packed_batch.h"
#include "data/features.h"
#include "predict/text_input.h"
#include "text/tokenizer.h"

namespace pals {

/// Reads and encodes texts while the caller computes. At most two windows are held, so memory does
/// not grow with the input. When the input has nothing more at hand and the caller waits, it gets
/// what there is: a line in gives an answer out.
class WindowReader {
 public:
  /// Rows are cut to `max_seq_length`, and `rows` of them make a full window. `tokenizer` must
  /// outlive the reader.
  WindowReader(std::unique_ptr<TextInput> input, const Tokenizer& tokenizer, int max_seq_length,
               int64_t rows);
  ~WindowReader();
  WindowReader(const WindowReader&) = delete;
  WindowReader& operator=(const WindowReader&) = delete;

  /// The next rows, at least one; nothing at the end. Throws what reading threw, after all rows
  /// before that were given, and Error once SIGINT or SIGTERM has come.
  std::optional<FeatureSet> next();

 private:
  void run(const std::stop_token& stop);
  bool fill(FeatureSet& window, const std::stop_token& stop);
  bool wait_for_row(bool window_empty, const std::stop_token& stop);

  std::unique_ptr<TextInput> input_;
  const Tokenizer& tokenizer_;
  int max_seq_length_;
  int64_t rows_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<FeatureSet> ready_;
  std::exception_ptr error_;
  bool waiting_ = false;  // the caller, in next()
  bool done_ = false;
  std::jthread thread_;  // last: it uses all the others
};

/// Lays the rows of a window, each for each of `tasks` (indices, in any order), into batches of at
/// most `batch_size` rows of like length, mixing tasks, and hands them to `run`. A batch's row id
/// is row * tasks.size() + the task's place in `tasks`.
void for_each_batch(const FeatureSet& window, const std::vector<int>& tasks, int64_t batch_size,
                    const std::function<void(const PackedBatch&)>& run);

}  // namespace pals
