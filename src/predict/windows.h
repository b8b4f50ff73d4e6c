// Texts as tokens, a window of them at a time, read ahead on a thread of its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "data/features.h"
#include "predict/text_input.h"
#include "tasks/squad.h"
#include "text/tokenizer.h"

namespace pals {

/// How the rows of a task are made of a text. Tasks that agree in it share their rows.
struct RowForm {
  TaskKind kind = TaskKind::kClassification;  ///< never a regression: its rows are the same
  SpanOptions span = {};

  bool operator==(const RowForm&) const = default;
};

/// The form of a task's rows.
RowForm row_form(const Task& task);

/// Some texts and their rows. A text is an example of each form, but of a span's, where each part
/// of its context is one (make_span_features).
struct Window {
  int64_t num_texts = 0;
  std::vector<FeaturesPtr> features;  ///< a form each
  QuestionSet questions;              ///< the texts, if a form is a span's
  std::vector<std::string> ids;       ///< of the texts; empty if the input has none
};

/// Reads and encodes texts while the caller computes. At most two windows are held, so memory does
/// not grow with the input. When the input has nothing more at hand and the caller waits, it gets
/// what there is: a line in gives an answer out.
class WindowReader {
 public:
  /// Rows are cut to `max_seq_length`, and `rows` of them, or texts, make a full window, as do long
  /// contexts together. `tokenizer` must outlive the reader.
  WindowReader(std::unique_ptr<TextInput> input, const Tokenizer& tokenizer, int max_seq_length,
               int64_t rows, std::vector<RowForm> forms = {RowForm()});
  ~WindowReader();
  WindowReader(const WindowReader&) = delete;
  WindowReader& operator=(const WindowReader&) = delete;

  /// The next texts, at least one; nothing at the end. Throws what reading threw, after all texts
  /// before that were given, and Error once SIGINT or SIGTERM has come.
  std::optional<Window> next();

 private:
  class Builder;

  void run(const std::stop_token& stop);
  bool fill(Builder& window, const std::stop_token& stop);
  bool wait_for_text(bool window_empty, const std::stop_token& stop);

  std::unique_ptr<TextInput> input_;
  const Tokenizer& tokenizer_;
  int max_seq_length_;
  int64_t rows_;
  std::vector<RowForm> forms_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Window> ready_;
  std::exception_ptr error_;
  bool waiting_ = false;  // the caller, in next()
  bool done_ = false;
  std::jthread thread_;  // last: it uses all the others
};

}  // namespace pals
