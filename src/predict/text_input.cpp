#include "predict/text_input.h"

#include <utility>

#include "base/input_stream.h"
#include "base/text_util.h"
#include "tasks/row_stream.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

class LineInput : public TextInput {
 public:
  LineInput(const std::string& path, LineRule rule)
      : stream_(path), rows_(stream_, false), rule_(rule) {}

  bool next(TextPair& texts) override {
    std::string_view line;
    if (!rows_.next(line)) return false;
    texts = split_line(line, rule_);
    return true;
  }

  bool at_hand(int milliseconds) override { return rows_.at_hand(milliseconds); }

 private:
  InputStream stream_;
  RowCutter rows_;
  LineRule rule_;
};

class TableInput : public TextInput {
 public:
  TableInput(const std::string& path, const DataFile& file) : stream_(path), file_(file) {
    auto rows =
        std::make_unique<StreamedRows>(stream_, file_.format, text_keys(file_, stream_.name()));
    rows_ = rows.get();
    texts_.emplace(file_, std::move(rows), stream_.name());
  }

  bool next(TextPair& texts) override {
    TextRow row;
    if (!texts_->next(row)) return false;
    texts = {row.text_a, row.text_b};
    return true;
  }

  bool at_hand(int milliseconds) override { return rows_->at_hand(milliseconds); }

 private:
  InputStream stream_;
  DataFile file_;
  StreamedRows* rows_ = nullptr;  // of texts_
  std::optional<TextRowReader> texts_;
};

}  // namespace

TextPair split_line(std::string_view line, LineRule rule) {
  constexpr std::string_view kBars = " ||| ";
  if (rule == LineRule::kTab) {
    const size_t tab = line.find('\t');
    if (tab == std::string_view::npos) return {line, {}};
    return {line.substr(0, tab), line.substr(tab + 1)};
  }
  line = trim(line);
  const size_t bars = line.rfind(kBars);
  if (bars == std::string_view::npos) return {line, {}};
  return {line.substr(0, bars), line.substr(bars + kBars.size())};
}

std::unique_ptr<TextInput> open_lines(const std::string& path, LineRule rule) {
  return std::make_unique<LineInput>(path, rule);
}

std::unique_ptr<TextInput> open_table(const std::string& path, const DataFile& file) {
  return std::make_unique<TableInput>(path, file);
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
