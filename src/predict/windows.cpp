#include "predict/windows.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/signal.h"
#include "data/span_features.h"

namespace pals {
namespace {

constexpr int kIdleMilliseconds = 50;   // between looks at the stop flag
constexpr int kGatherMilliseconds = 2;  // waited for more texts while the caller computes
constexpr size_t kContextBytes = size_t{4} << 20;  // of a window's questions together

}  // namespace

RowForm row_form(const Task& task) {
  const bool text = task.kind == TaskKind::kRegression;
  return {text ? TaskKind::kClassification : task.kind, task.span};
}

// A window in the making.
class WindowReader::Builder {
 public:
  explicit Builder(const WindowReader& reader) : reader_(reader) {
    const std::vector<RowForm>& forms = reader.forms_;
    for (auto form = forms.begin(); form != forms.end(); ++form) {
      const auto same = std::find(forms.begin(), form, *form) - forms.begin();
      const auto place = static_cast<size_t>(same);
      features_.push_back(place < features_.size() ? features_[place]
                                                   : std::make_shared<FeatureSet>());
      if (place + 1 == features_.size()) distinct_.emplace_back(*form, features_.back());
    }
  }

  bool empty() const { return num_texts_ == 0; }

  bool full() const {
    return num_texts_ >= reader_.rows_ || context_bytes_ >= kContextBytes ||
           std::ranges::any_of(features_, [this](const auto& features) {
             return features->num_rows() >= reader_.rows_;
           });
  }

  void add(const InputRow& row) {
    bool spans = false;
    for (auto& [form, features] : distinct_) {
      if (form.kind == TaskKind::kSpan) {
        spans = true;
      } else if (form.kind == TaskKind::kMultipleChoice) {
        encode_example(row.texts, reader_.tokenizer_, reader_.max_seq_length_, *features);
      } else {
        features->end_row(encode_pair(reader_.tokenizer_, row.texts.text_a, row.texts.text_b,
                                      reader_.max_seq_length_, features->token_ids));
        features->end_example({});
      }
    }
    if (spans) add_question(row);
    if (reader_.input_->has_ids()) ids_.push_back(row.id);
    ++num_texts_;
  }

  // To be called once.
  Window finish() {
    for (auto& [form, features] : distinct_) {
      if (form.kind != TaskKind::kSpan) continue;
      *features = make_span_features(questions_, form.span, false, reader_.tokenizer_,
                                     reader_.max_seq_length_, 1);
    }
    return {
        num_texts_, {features_.begin(), features_.end()}, std::move(questions_), std::move(ids_)};
  }

 private:
  void add_question(const InputRow& row) {
    const std::string& context = row.texts.text_b;
    context_bytes_ += context.size();
    // Questions about one context tend to follow one another.
    if (questions_.contexts.empty() || questions_.contexts.back() != context) {
      questions_.contexts.push_back(context);
    }
    const auto place = static_cast<int32_t>(questions_.contexts.size()) - 1;
    questions_.questions.push_back({row.id, row.texts.text_a, place, {}});
  }

  const WindowReader& reader_;
  std::vector<std::shared_ptr<FeatureSet>> features_;
  std::vector<std::pair<RowForm, std::shared_ptr<FeatureSet>>> distinct_;
  QuestionSet questions_;
  std::vector<std::string> ids_;
  int64_t num_texts_ = 0;
  size_t context_bytes_ = 0;
};

WindowReader::WindowReader(std::unique_ptr<TextInput> input, const Tokenizer& tokenizer,
                           int max_seq_length, int64_t rows, std::vector<RowForm> forms)
    : input_(std::move(input)),
      tokenizer_(tokenizer),
      max_seq_length_(max_seq_length),
      rows_(rows),
      forms_(std::move(forms)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

WindowReader::~WindowReader() = default;  // the thread is asked to stop, and joined

// Whether next() of the input can be called without waiting; false to give the window as it is.
bool WindowReader::wait_for_text(bool window_empty, const std::stop_token& stop) {
  while (!input_->at_hand(window_empty ? kIdleMilliseconds : kGatherMilliseconds)) {
    if (stop.stop_requested()) return false;
    if (stop_requested()) fail("stopped");
    if (window_empty) continue;
    const std::lock_guard lock(mutex_);
    if (waiting_) return false;
  }
  return true;
}

// Adds texts to an empty window; false if the input is over.
bool WindowReader::fill(Builder& window, const std::stop_token& stop) {
  InputRow row;
  while (!window.full()) {
    if (!wait_for_text(window.empty(), stop)) return true;
    if (stop.stop_requested()) return false;
    if (stop_requested()) fail("stopped");
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
    Builder builder(*this);
    Window window;
    guard([&] { more = fill(builder, stop); });
    guard([&] { window = builder.finish(); });
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

std::optional<Window> WindowReader::next() {
  std::unique_lock lock(mutex_);
  waiting_ = true;
  changed_.wait(lock, [this] { return ready_ || done_; });
  waiting_ = false;
  std::optional<Window> window = std::exchange(ready_, std::nullopt);
  changed_.notify_all();
  if (!window && error_) std::rethrow_exception(error_);
  return window;
}

}  // namespace pals
