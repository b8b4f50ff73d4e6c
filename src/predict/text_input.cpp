#include "predict/text_input.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/text_util.h"
#include "tasks/row_stream.h"
#include "tasks/rows.h"
#include "tasks/squad.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

/// Says once how many blank lines were passed over.
void report_blank_lines(const std::string& where, int64_t& lines) {
  if (lines == 0) return;
  log_warning(where, ": ", counted(lines, "blank line"), " passed over");
  lines = 0;
}

/// The size of a stream, asked for once.
class KnownSize {
 public:
  uint64_t of(const InputStream& stream) {
    if (!size_) size_ = stream.size();
    return *size_;
  }

 private:
  std::optional<uint64_t> size_;
};

class GivenTexts : public TextInput {
 public:
  GivenTexts(std::vector<std::string> texts, std::vector<std::string> pairs, std::string flag)
      : texts_(std::move(texts)), pairs_(std::move(pairs)), flag_(std::move(flag)) {}

  bool next(InputRow& row) override {
    if (next_ == texts_.size()) return false;
    const size_t number = next_++;
    check_utf8(texts_[number], flag_, line());
    row.texts.text_a = texts_[number];
    if (pairs_.empty()) return true;
    check_utf8(pairs_[number], flag_ + "_pair", line());
    row.texts.text_b = pairs_[number];
    return true;
  }
  bool goes_on() const override { return true; }
  int64_t line() const override { return static_cast<int64_t>(next_); }
  bool at_hand(int /*milliseconds*/) override { return true; }

 private:
  std::vector<std::string> texts_, pairs_;
  std::string flag_;
  size_t next_ = 0;
};

class LineInput : public TextInput {
 public:
  LineInput(std::unique_ptr<InputStream> stream, LineRule rule, std::optional<LineTexts> texts)
      : stream_(std::move(stream)),
        rows_(*stream_, false),
        rule_(rule),
        expected_(std::move(texts)) {}

  bool next(InputRow& row) override {
    std::string_view line;
    do {
      if (!rows_.next(line)) {
        report_blank_lines(rows_.where(), blank_lines_);
        return false;
      }
    } while (passed_over(line));
    if (rule_ == LineRule::kChoices) {
      take_choices(line, row.texts);
      return true;
    }
    if (rule_ == LineRule::kQuestion && line.find('\t') == std::string_view::npos) {
      fail(position(), ": no tab in this line, want question<tab>context");
    }
    if (expected_) check_number(line);
    const TextPair texts = split_line(line, rule_);
    row.texts.text_a = texts.a;
    row.texts.text_b = texts.b;
    return true;
  }

  bool at_hand(int milliseconds) override { return rows_.at_hand(milliseconds); }
  bool goes_on() const override { return rows_.goes_on(); }
  int64_t line() const override { return rows_.line(); }
  InputPlace place() override { return {rows_.offset(), size_.of(*stream_)}; }

 private:
  bool passed_over(std::string_view line) {
    if (!expected_ || expected_->number == 1 || !is_blank(line)) return false;
    ++blank_lines_;
    return true;
  }

  void check_number(std::string_view line) const {
    const size_t texts = split(line, '\t').size();
    if (texts == expected_->number) return;
    fail(position(), ": ", texts, texts == 1 ? " text" : " texts with tabs between", ", but task ",
         quote(expected_->task), " takes ", expected_->number == 1 ? "one" : "two",
         "; is it a table? Then say --text_a, and --id for a column of names");
  }

  void take_choices(std::string_view line, Example& texts) const {
    std::vector<std::string_view> fields = split(line, '\t');
    texts.text_a = fields.front();
    fields.erase(fields.begin());
    check_choices(fields, position());
    texts.choices.assign(fields.begin(), fields.end());
  }

  std::string position() const { return concat(rows_.where(), ":", rows_.line()); }

  std::unique_ptr<InputStream> stream_;
  RowCutter rows_;
  LineRule rule_;
  std::optional<LineTexts> expected_;
  int64_t blank_lines_ = 0;
  KnownSize size_;
};

class TableInput : public TextInput {
 public:
  TableInput(std::unique_ptr<InputStream> stream, const DataFile& file)
      : stream_(std::move(stream)), file_(file) {
    auto rows =
        std::make_unique<StreamedRows>(*stream_, file_.format, text_keys(file_, stream_->name()));
    rows_ = rows.get();
    texts_.emplace(file_, std::move(rows), stream_->name());
  }

  bool next(InputRow& row) override {
    TextRow found;
    if (!texts_->next(found)) {
      int64_t blank_lines = std::exchange(reported_, true) ? 0 : texts_->blank_lines();
      report_blank_lines(stream_->name(), blank_lines);
      return false;
    }
    if (!file_.choices.empty()) check_choices(found.choices, texts_->position());
    row.id = found.label;
    row.texts.text_a = found.text_a;
    row.texts.text_b = found.text_b;
    row.texts.choices.assign(found.choices.begin(), found.choices.end());
    return true;
  }

  bool at_hand(int milliseconds) override { return rows_->at_hand(milliseconds); }
  bool has_ids() const override { return file_.label.has_value(); }
  bool goes_on() const override { return rows_->goes_on(); }
  int64_t line() const override { return rows_->line(); }
  InputPlace place() override { return {rows_->offset(), size_.of(*stream_)}; }

 private:
  std::unique_ptr<InputStream> stream_;
  DataFile file_;
  StreamedRows* rows_ = nullptr;  // of texts_
  std::optional<TextRowReader> texts_;
  bool reported_ = false;
  KnownSize size_;
};

class SquadInput : public TextInput {
 public:
  explicit SquadInput(std::unique_ptr<InputStream> stream) : stream_(std::move(stream)) {}

  bool next(InputRow& row) override {
    if (!questions_) read();
    if (next_ == questions_->questions.size()) return false;
    const Question& question = questions_->questions[next_++];
    place_.before += std::exchange(last_size_, size_of(question));
    row.id = question.id;
    row.texts.text_a = question.text;
    row.texts.text_b = questions_->contexts[static_cast<size_t>(question.context)];
    return true;
  }

  bool at_hand(int /*milliseconds*/) override { return true; }  // there is nothing before the whole
  bool has_ids() const override { return true; }
  InputPlace place() override { return place_; }

 private:
  void read() {
    constexpr size_t kReadBytes = size_t{1} << 20;
    std::string bytes;
    do {
      if (!stream_->wait()) fail(stream_->name(), ": stopped");
    } while (bytes.size() <= kMaxSquadBytes && stream_->read(bytes, kReadBytes));
    questions_ =
        parse_squad(bytes, stream_->name(), {.unanswerable = true, .needs_answers = false});
    for (const Question& question : questions_->questions) place_.total += size_of(question);
  }

  /// What answering it costs, roughly: each question reads its context anew.
  uint64_t size_of(const Question& question) const {
    const auto context = static_cast<size_t>(question.context);
    return question.text.size() + questions_->contexts[context].size();
  }

  std::unique_ptr<InputStream> stream_;
  std::optional<QuestionSet> questions_;
  size_t next_ = 0;
  InputPlace place_;
  uint64_t last_size_ = 0;
};

}  // namespace

TextPair split_line(std::string_view line, LineRule rule) {
  constexpr std::string_view kBars = " ||| ";
  if (rule != LineRule::kBars) {
    const size_t tab = line.find('\t');
    if (tab == std::string_view::npos) return {line, {}};
    return {line.substr(0, tab), line.substr(tab + 1)};
  }
  line = trim(line);
  const size_t bars = line.rfind(kBars);
  if (bars == std::string_view::npos) return {line, {}};
  return {line.substr(0, bars), line.substr(bars + kBars.size())};
}

std::unique_ptr<TextInput> open_texts(std::vector<std::string> texts,
                                      std::vector<std::string> pairs, const std::string& flag) {
  return std::make_unique<GivenTexts>(std::move(texts), std::move(pairs), flag);
}

std::unique_ptr<TextInput> open_lines(std::unique_ptr<InputStream> stream, LineRule rule,
                                      std::optional<LineTexts> texts) {
  return std::make_unique<LineInput>(std::move(stream), rule, std::move(texts));
}

std::unique_ptr<TextInput> open_table(std::unique_ptr<InputStream> stream, const DataFile& file) {
  return std::make_unique<TableInput>(std::move(stream), file);
}

std::unique_ptr<TextInput> open_squad(std::unique_ptr<InputStream> stream) {
  return std::make_unique<SquadInput>(std::move(stream));
}

std::unique_ptr<TextInput> open_lines(const std::string& path, LineRule rule,
                                      const std::stop_token& stop) {
  return open_lines(std::make_unique<InputStream>(path, stop), rule);
}

std::unique_ptr<TextInput> open_table(const std::string& path, const DataFile& file,
                                      const std::stop_token& stop) {
  return open_table(std::make_unique<InputStream>(path, stop), file);
}

std::unique_ptr<TextInput> open_squad(const std::string& path, const std::stop_token& stop) {
  return open_squad(std::make_unique<InputStream>(path, stop));
}

Column parse_column(const std::string& text) {
  const std::optional<int64_t> number = parse_int(text);
  constexpr int64_t kMostColumns = 1 << 20;
  if (number && *number > -kMostColumns && *number < kMostColumns) {
    return {static_cast<int>(*number), ""};
  }
  return {std::nullopt, text};
}

}  // namespace pals
