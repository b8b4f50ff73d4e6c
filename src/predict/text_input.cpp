#include "predict/text_input.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/input_stream.h"
#include "base/text_util.h"
#include "tasks/row_stream.h"
#include "tasks/squad.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

class LineInput : public TextInput {
 public:
  LineInput(const std::string& path, LineRule rule, const std::stop_token& stop)
      : stream_(path, stop), rows_(stream_, false), rule_(rule) {}

  bool next(InputRow& row) override {
    std::string_view line;
    if (!rows_.next(line)) return false;
    if (rule_ == LineRule::kChoices) {
      take_choices(line, row.texts);
      return true;
    }
    if (rule_ == LineRule::kQuestion && line.find('\t') == std::string_view::npos) {
      fail(position(), ": no tab in this line, want question<tab>context");
    }
    const TextPair texts = split_line(line, rule_);
    row.texts.text_a = texts.a;
    row.texts.text_b = texts.b;
    return true;
  }

  bool at_hand(int milliseconds) override { return rows_.at_hand(milliseconds); }

 private:
  void take_choices(std::string_view line, Example& texts) const {
    std::vector<std::string_view> fields = split(line, '\t');
    texts.text_a = fields.front();
    fields.erase(fields.begin());
    check_choices(fields, position());
    texts.choices.assign(fields.begin(), fields.end());
  }

  std::string position() const { return concat(rows_.where(), ":", rows_.line()); }

  InputStream stream_;
  RowCutter rows_;
  LineRule rule_;
};

class TableInput : public TextInput {
 public:
  TableInput(const std::string& path, const DataFile& file, const std::stop_token& stop)
      : stream_(path, stop), file_(file) {
    auto rows =
        std::make_unique<StreamedRows>(stream_, file_.format, text_keys(file_, stream_.name()));
    rows_ = rows.get();
    texts_.emplace(file_, std::move(rows), stream_.name());
  }

  bool next(InputRow& row) override {
    TextRow found;
    if (!texts_->next(found)) return false;
    if (!file_.choices.empty()) check_choices(found.choices, texts_->position());
    row.id = found.label;
    row.texts.text_a = found.text_a;
    row.texts.text_b = found.text_b;
    row.texts.choices.assign(found.choices.begin(), found.choices.end());
    return true;
  }

  bool at_hand(int milliseconds) override { return rows_->at_hand(milliseconds); }
  bool has_ids() const override { return file_.label.has_value(); }

 private:
  InputStream stream_;
  DataFile file_;
  StreamedRows* rows_ = nullptr;  // of texts_
  std::optional<TextRowReader> texts_;
};

class SquadInput : public TextInput {
 public:
  SquadInput(const std::string& path, const std::stop_token& stop) : stream_(path, stop) {}

  bool next(InputRow& row) override {
    if (!questions_) read();
    if (next_ == questions_->questions.size()) return false;
    const Question& question = questions_->questions[next_++];
    row.id = question.id;
    row.texts.text_a = question.text;
    row.texts.text_b = questions_->contexts[static_cast<size_t>(question.context)];
    return true;
  }

  bool at_hand(int /*milliseconds*/) override { return true; }  // there is nothing before the whole
  bool has_ids() const override { return true; }

 private:
  void read() {
    constexpr size_t kReadBytes = size_t{1} << 20;
    std::string bytes;
    do {
      if (!stream_.wait()) fail(stream_.name(), ": stopped");
    } while (bytes.size() <= kMaxSquadBytes && stream_.read(bytes, kReadBytes));
    questions_ = parse_squad(bytes, stream_.name(), {.unanswerable = true, .needs_answers = false});
  }

  InputStream stream_;
  std::optional<QuestionSet> questions_;
  size_t next_ = 0;
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

std::unique_ptr<TextInput> open_lines(const std::string& path, LineRule rule,
                                      const std::stop_token& stop) {
  return std::make_unique<LineInput>(path, rule, stop);
}

std::unique_ptr<TextInput> open_table(const std::string& path, const DataFile& file,
                                      const std::stop_token& stop) {
  return std::make_unique<TableInput>(path, file, stop);
}

std::unique_ptr<TextInput> open_squad(const std::string& path, const std::stop_token& stop) {
  return std::make_unique<SquadInput>(path, stop);
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
