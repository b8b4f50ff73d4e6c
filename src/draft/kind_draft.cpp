#include "draft/kind_draft.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "draft/columns.h"
#include "draft/scale.h"
#include "draft/tagging_draft.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

constexpr size_t kFewValues = 20;  // whole numbers that may be classes
constexpr size_t kShownExceptions = 3;
constexpr size_t kShownBytes = 24;

bool is_table(FileFormat format) {
  return format == FileFormat::kTsv || format == FileFormat::kCsv;
}

/// The columns of a file under the names that task files give them.
struct KeyedColumn {
  const char* key;
  size_t column;
};

std::vector<KeyedColumn> text_columns(const std::vector<size_t>& texts, const char* first,
                                      const char* second) {
  std::vector<KeyedColumn> keyed = {{first, texts.front()}};
  if (texts.size() > 1) keyed.push_back({second, texts.back()});
  return keyed;
}

std::string described(const char* kind, const Sample& sample,
                      const std::vector<KeyedColumn>& columns) {
  std::vector<std::string> parts;
  for (const KeyedColumn& one : columns) {
    parts.push_back(concat(one.key, " ", column_text(sample, one.column)));
  }
  return concat(kind, ", ", join(parts, ", "));
}

/// Makes the draft of a group of tables or JSONL.
class RowsDraft {
 public:
  RowsDraft(const FileGroup& group, const std::vector<Sample>& samples)
      : group_(group), samples_(samples), train_(samples.front()) {}

  KindDraft make() {
    if (train_.format == FileFormat::kJsonl && find_lists()) return finish();
    Roles roles = find_roles(train_);
    draft_.doubts = std::move(roles.doubts);
    if (!roles.choices.empty()) {
      choices(roles);
    } else if (!roles.label_columns.empty()) {
      label_columns(roles);
    } else {
      one_label(roles);
    }
    return finish();
  }

 private:
  /// Kinds whose rows have a list: choices, labels.
  bool find_lists() {
    std::optional<size_t> list;
    for (size_t c = 0; c < train_.columns.size(); ++c) {
      if (train_.columns[c].kind == FieldKind::kTextList && !list) list = c;
    }
    if (!list) return false;
    if (const std::optional<size_t> label = number_of_choice(*list)) {
      kind_ = "multiple_choice";
      columns_ =
          text_columns(find_texts(train_, {*list, *label}, draft_.doubts), "context", "start");
      columns_.push_back({"choices", *list});
      columns_.push_back({"label", *label});
      return true;
    }
    kind_ = "multi_label";
    columns_ = text_columns(find_texts(train_, {*list}, draft_.doubts), "text_a", "text_b");
    columns_.push_back({"label", *list});
    return true;
  }

  /// The column of whole numbers that can be the right choices of the lists.
  std::optional<size_t> number_of_choice(size_t list) {
    const std::vector<std::vector<std::string>>& lists = train_.columns[list].lists;
    for (size_t c = 0; c < train_.columns.size(); ++c) {
      const SampleColumn& column = train_.columns[c];
      if (column.kind != FieldKind::kText || column.values.size() != lists.size()) continue;
      bool fits = true, from_one = true;
      for (size_t row = 0; row < lists.size() && (fits || from_one); ++row) {
        const std::optional<int64_t> number = parse_int(column.values[row]);
        const auto size = static_cast<int64_t>(lists[row].size());
        fits = fits && number && *number >= 0 && *number < size;
        from_one = from_one && number && *number >= 1 && *number <= size;
      }
      if (fits && (is_label_name(column.name) || lists.size() > 1)) return c;
      if (from_one && is_label_name(column.name)) fail_from_one(c);
    }
    return std::nullopt;
  }

  [[noreturn]] void fail_from_one(size_t column) const {
    fail(train_.path, ": ", column_text(train_, column),
         " counts the right choice from 1, want the number from 0; change the file");
  }

  void choices(const Roles& roles) {
    const size_t count = roles.choices.size();
    for (const std::string& value : train_.columns[*roles.label].values) {
      const std::optional<int64_t> number = parse_int(value);
      if (number && *number == static_cast<int64_t>(count)) fail_from_one(*roles.label);
      if (number && *number >= 0 && *number < static_cast<int64_t>(count)) continue;
      fail(train_.path, ": ", column_text(train_, *roles.label), " holds ", quote(value),
           ", want the number of the right choice, 0 to ", count - 1);
    }
    kind_ = "multiple_choice";
    columns_ = text_columns(roles.texts, "context", "start");
    columns_.push_back({"label", *roles.label});
    lists_.push_back({"choices", roles.choices});
  }

  void label_columns(const Roles& roles) {
    kind_ = "multi_label";
    columns_ = text_columns(roles.texts, "text_a", "text_b");
    lists_.push_back({"label_columns", roles.label_columns});
  }

  void one_label(const Roles& roles) {
    const SampleColumn& label = train_.columns[*roles.label];
    const ColumnFacts facts = facts_of(label);
    columns_ = text_columns(roles.texts, "text_a", "text_b");
    columns_.push_back({"label", *roles.label});
    if (facts.dressed) fail_dressed(label, *facts.dressed);
    const bool values = facts.numbers && (!facts.whole || facts.distinct > kFewValues);
    if (facts.marks > 0) leave_out(label, !facts.separator.empty());
    for (const Sample& sample : samples_) doubt_exceptions(sample, *roles.label, values);
    if (values) {
      regression(*roles.label);
      return;
    }
    kind_ = "classification";
    if (!facts.separator.empty()) {
      kind_ = "multi_label";
      settings_["label_separator"] = facts.separator;
      draft_.doubts.push_back(concat(column_text(train_, *roles.label),
                                     " is taken for labels with ", quote(facts.separator),
                                     " between"));
    } else if (facts.whole) {
      numbers_as_classes(*roles.label);
    }
  }

  /// A column of a file, if it is the one of that number in the training file.
  const SampleColumn* same_column(const Sample& sample, size_t column) const {
    if (column >= sample.columns.size()) return nullptr;
    const SampleColumn& own = sample.columns[column];
    return own.name == train_.columns[column].name ? &own : nullptr;  // else another order
  }

  /// Where values that are no numbers stand among them, the numbers alone are the labels, so that
  /// training refuses the others.
  void numbers_as_classes(size_t label) {
    std::map<double, std::string> numbers;
    bool exceptions = false;
    for (size_t i = 0; i < samples_.size(); ++i) {
      const SampleColumn* column = same_column(samples_[i], label);
      if (column == nullptr || !group_.files[i].split.starts_with("train")) continue;
      numbers.merge(numbers_in(*column));
      exceptions = exceptions || !facts_of(*column).exceptions.empty();
    }
    if (numbers.size() > 2) {
      draft_.doubts.push_back(concat(column_text(train_, label), " holds ", numbers.size(),
                                     " whole numbers, which are taken for classes; if they are ",
                                     "values, the kind is \"regression\""));
    }
    if (!exceptions || numbers.size() < 2) return;
    for (const auto& [number, name] : numbers) settings_["labels"].push_back(name);
  }

  [[noreturn]] void fail_dressed(const SampleColumn& label, const DressedNumbers& dressed) const {
    fail(train_.path, ":", train_.lines[dressed.first], ": ",
         quote(label.values[dressed.first], kShownBytes), " has ", dressed.how, ", as ",
         dressed.count, " of ", counted(std::ssize(label.values), "value"),
         " of this column; want numbers such as ", dressed.plain,
         "; write the column so, or, if these are labels, the task file by hand");
  }

  /// Of a file whose values are numbers, says which ones are not.
  void doubt_exceptions(const Sample& sample, size_t column, bool values) {
    const SampleColumn* found = same_column(sample, column);
    if (found == nullptr) return;
    const SampleColumn& label = *found;
    const std::vector<size_t> rows = facts_of(label).exceptions;
    if (rows.empty()) return;
    std::vector<std::string> shown;
    for (size_t i = 0; i < std::min(rows.size(), kShownExceptions); ++i) {
      shown.push_back(concat(i == 0 ? sample.path + ":" : "line ", sample.lines[rows[i]], " ",
                             quote(label.values[rows[i]], kShownBytes)));
    }
    draft_.doubts.push_back(
        concat(column_text(sample, column), ": ", rows.size(), " of ",
               counted(std::ssize(label.values), "value"),
               rows.size() == 1 ? " is no number (" : " are no numbers (", join(shown, ", "),
               rows.size() > shown.size() ? ", ..." : "", "), which `pals train` refuses; ",
               values ? "`pals check` lists all such"
                      : "what is a class among them, \"labels\" has to list as well"));
  }

  /// Rows without a label are left out. Of several labels a row may have none.
  void leave_out(const SampleColumn& label, bool several) {
    std::set<std::string> marks;
    size_t left = 0, none = 0;
    for (const std::string& value : label.values) {
      if (!is_no_label_mark(value)) continue;
      if (several && value.empty()) {
        ++none;
      } else {
        marks.insert(value);
        ++left;
      }
    }
    const auto say = [&](size_t rows, const std::string& what) {
      draft_.doubts.push_back(concat(rows, " of ", counted(std::ssize(label.values), "row"),
                                     rows == 1 ? " has" : " have", what));
    };
    if (none > 0) say(none, " an empty field for labels; such rows stay, as texts with no label");
    if (left == 0) return;
    settings_["unlabelled"] = std::vector<std::string>(marks.begin(), marks.end());
    say(left, concat(" no label (", quote(*marks.begin()), "); \"unlabelled\" leaves them out"));
  }

  void regression(size_t label) {
    kind_ = "regression";
    FoundScale found = find_scale(samples_, label);
    if (found.scale) settings_["label_scale"] = *found.scale;
    if (!found.doubt.empty()) draft_.doubts.push_back(std::move(found.doubt));
  }

  KindDraft finish() {
    draft_.keys["kind"] = kind_;
    for (const auto& [key, value] : settings_.items()) draft_.keys[key] = value;
    put_columns(train_, draft_.keys, true);
    for (size_t i = 0; i < samples_.size(); ++i) {
      const bool is_test = group_.files[i].split.starts_with("test");
      draft_.files.push_back(own_keys(samples_[i], is_test));
    }
    draft_.described = described(kind_, train_, columns_);
    for (const auto& [key, columns] : lists_) {
      draft_.described += concat(", ", columns.size(), " ", key);
    }
    return std::move(draft_);
  }

  void put_columns(const Sample& sample, OrderedJson& keys, bool with_label) const {
    for (const KeyedColumn& one : columns_) {
      if (with_label || std::string_view(one.key) != "label") {
        keys[one.key] = column_key(sample, one.column);
      }
    }
    for (const auto& [key, columns] : lists_) {
      for (const size_t column : columns) keys[key].push_back(column_key(sample, column));
    }
    if (is_table(sample.format) && !has_names(sample)) keys["header"] = sample.header;
  }

  /// What a file has that the training file has not.
  OrderedJson own_keys(const Sample& sample, bool is_test) const {
    OrderedJson own = OrderedJson::object();
    if (!sample.format_named) own["format"] = format_name(sample.format);
    if (&sample == &train_) return own;
    const bool lacks_label = is_test && sample.columns.size() + 1 == train_.columns.size();
    if (has_names(train_) != has_names(sample) || (lacks_label && !has_names(sample))) {
      put_own_columns(sample, lacks_label, own);
    } else if (has_names(train_)) {
      check_names(sample, is_test);
    } else if (sample.header != train_.header) {
      own["header"] = sample.header;
    }
    return own;
  }

  /// By number where a file has no header, or lacks the label's column, which shifts the others.
  void put_own_columns(const Sample& sample, bool lacks_label, OrderedJson& own) const {
    size_t label = sample.columns.size();
    for (const KeyedColumn& one : columns_) {
      if (lacks_label && std::string_view(one.key) == "label") label = one.column;
    }
    for (const KeyedColumn& one : columns_) {
      if (lacks_label && one.column == label) continue;
      const size_t column = one.column - (lacks_label && one.column > label ? 1 : 0);
      if (column >= sample.columns.size()) {
        fail(sample.path, ": ", sample.columns.size(), " columns, but ", train_.path, " has ",
             train_.columns.size());
      }
      own[one.key] = column_key(sample, column);
    }
    own["header"] = sample.header;
  }

  void check_names(const Sample& sample, bool is_test) const {
    for (const KeyedColumn& one : columns_) {
      const std::string& name = train_.columns[one.column].name;
      if (is_test && std::string_view(one.key) == "label") continue;
      if (std::ranges::find(sample.columns, name, &SampleColumn::name) != sample.columns.end()) {
        continue;
      }
      fail(sample.path, ": no column ", quote(name), ", which ", train_.path, " has");
    }
  }

  const FileGroup& group_;
  const std::vector<Sample>& samples_;
  const Sample& train_;
  KindDraft draft_;
  const char* kind_ = "classification";
  OrderedJson settings_ = OrderedJson::object();
  std::vector<KeyedColumn> columns_;
  std::vector<std::pair<const char*, std::vector<size_t>>> lists_;
};

KindDraft draft_span(const std::vector<Sample>& samples) {
  KindDraft draft{.keys = {{"kind", "span"}},
                  .files = std::vector<OrderedJson>(samples.size(), OrderedJson::object()),
                  .described = "span, SQuAD's JSON"};
  if (std::ranges::any_of(samples, &Sample::unanswerable)) {
    draft.keys["unanswerable"] = true;
    draft.described += ", questions may have no answer";
  }
  return draft;
}

}  // namespace

KindDraft draft_kind(const FileGroup& group, const std::vector<Sample>& samples) {
  const Sample& train = samples.front();
  for (const Sample& sample : samples) {
    const bool alike =
        sample.format == train.format || (is_table(sample.format) && is_table(train.format));
    if (!alike) {
      fail(sample.path, ": ", format_name(sample.format), ", but ", train.path, " is ",
           format_name(train.format), "; files of a task should be alike");
    }
  }
  if (train.format == FileFormat::kSquad) return draft_span(samples);
  if (std::optional<KindDraft> tagging = draft_tagging(group, samples)) return *std::move(tagging);
  return RowsDraft(group, samples).make();
}

}  // namespace pals
