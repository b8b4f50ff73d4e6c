#include "cli/input_flags.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text_util.h"
#include "kinds/kind.h"
#include "predict/find_tasks.h"
#include "predict/fit.h"
#include "predict/input_format.h"

namespace pals {
namespace {

bool is_named(const std::optional<Column>& column) { return column && !column->number; }

bool names_columns(const InputFlags& flags) {
  return flags.header.value_or(false) || !flags.text_a.empty() || !flags.text_b.empty() ||
         !flags.choices.empty() || !flags.id.empty();
}

// The columns that the flags name, in a file of its own; text_a may be missing.
DataFile flagged_columns(const InputFlags& flags) {
  DataFile file;
  file.text_a = parse_column(flags.text_a);
  if (!flags.text_b.empty()) file.text_b = parse_column(flags.text_b);
  if (!flags.id.empty()) file.label = parse_column(flags.id);
  if (flags.choices.empty()) return file;
  for (const std::string_view name : split(flags.choices, ',')) {
    file.choices.push_back(parse_column(std::string(trim(name))));
  }
  return file;
}

FileFormat table_format(InputFormat format) {
  if (format == InputFormat::kCsv) return FileFormat::kCsv;
  return format == InputFormat::kJsonl ? FileFormat::kJsonl : FileFormat::kTsv;
}

// The columns that two files have in common with each other, if they are the same.
bool same_columns(const DataFile& one, const DataFile& other) {
  return one.text_a == other.text_a && one.text_b == other.text_b && one.choices == other.choices;
}

// Opens one input.
class InputOpener {
 public:
  InputOpener(const InputFlags& flags, const std::vector<Task>& tasks, const std::string& names,
              const std::stop_token& stop)
      : flags_(flags),
        tasks_(tasks),
        numbers_(find_tasks(tasks, names, "--task")),
        all_(names == "all"),
        stream_(std::make_unique<InputStream>(flags.input, stop)) {}

  // For no task.
  InputOpener(const InputFlags& flags, const std::stop_token& stop)
      : flags_(flags), stream_(std::make_unique<InputStream>(flags.input, stop)) {}

  std::unique_ptr<TextInput> open(LineRule rule) {
    if (!flags_.texts.empty() || !flags_.text_pairs.empty()) return open_given();
    const InputFormat format = resolve_format();
    if (format == InputFormat::kSquad) return open_questions();
    if (format == InputFormat::kLines) return open_plain_lines(rule);
    return open_columns(table_format(format));
  }

  std::vector<int> tasks() const { return numbers_; }

 private:
  const Task& task(int number) const { return tasks_[static_cast<size_t>(number)]; }

  // A task that needs contexts, or one that needs choices; null if there is none.
  const Task* task_with(bool InputTraits::*trait) const {
    for (const int number : numbers_) {
      if (kind_of(task(number)).input().*trait) return &task(number);
    }
    return nullptr;
  }

  const std::string& line() {
    if (!line_) line_ = first_line(*stream_);
    return *line_;
  }

  // Lists of names, all of which a table's first line holds.
  std::vector<std::vector<std::string>> names_of_tables() const {
    std::vector<std::vector<std::string>> lists;
    if (!flags_.text_a.empty()) {
      std::vector<std::string> names;
      const DataFile file = flagged_columns(flags_);
      for (const auto& column : {std::optional(file.text_a), file.text_b, file.label}) {
        if (is_named(column)) names.push_back(column->name);
      }
      for (const Column& column : file.choices) {
        if (is_named(column)) names.push_back(column.name);
      }
      return {names};
    }
    for (const int number : numbers_) {
      for (const DataFile& columns : own_columns(task(number))) {
        if (auto names = names_of_columns(columns)) lists.push_back(std::move(*names));
      }
    }
    return lists;
  }

  // `auto` goes by the file's ending, else by its first line, and by whether columns are named.
  InputFormat resolve_format() {
    if (flags_.format != InputFormat::kAuto) return flags_.format;
    const bool json = unpacked_name(flags_.input).ends_with(".json");
    if (json && task_with(&InputTraits::context) != nullptr) return InputFormat::kSquad;
    std::optional<FileFormat> format = format_of_name(flags_.input);
    const std::vector<std::vector<std::string>> lists = names_of_tables();
    if (format == FileFormat::kTsv && lists.empty()) format.reset();
    if (!format) format = format_of_line(line(), stream_->name(), lists);
    if (format) {
      if (const auto known = from_name<InputFormat>(format_name(*format))) return *known;
      fail_usage(flags_.input,
                 ": predict reads texts, not CoNLL; give it sentences, one a line, or ",
                 "take eval");
    }
    if (json) {
      fail_usage(flags_.input, ": a .json file whose first line is no object; want an object a ",
                 "line (JSONL), or --input_format lines if it is text");
    }
    return flags_.text_a.empty() ? InputFormat::kLines : InputFormat::kTsv;
  }

  // Refuses the tasks that the input does not fit, or leaves them out of all.
  void check_fit(const InputShape& shape) {
    std::vector<int> fitting;
    std::vector<std::string> others;
    for (const int number : numbers_) {
      const std::string problem = misfit(task(number), shape);
      if (problem.empty()) {
        fitting.push_back(number);
      } else if (all_) {
        others.push_back(concat(task(number).name, " ", problem));
      } else {
        const bool second = shape.texts == 1 && texts_of(task(number)) == size_t{2};
        const char* hint = shape.table ? "; --text_b names the column of the second"
                                       : "; --text_pair gives the second";
        fail_usage("--task: ", quote(task(number).name), " ", problem, second ? hint : "");
      }
    }
    keep(std::move(fitting), others);
  }

  void keep(std::vector<int> fitting, const std::vector<std::string>& others) {
    if (others.empty()) return;
    if (fitting.empty()) fail_usage("--task all: none fits the input: ", join(others, "; "));
    log_warning("--task all: left out are ", join(others, "; "));
    numbers_ = std::move(fitting);
  }

  // The texts that flags give.
  std::unique_ptr<TextInput> open_given() {
    const size_t texts = flags_.texts.size(), pairs = flags_.text_pairs.size();
    if (!flags_.input.empty() || flags_.format != InputFormat::kAuto || names_columns(flags_)) {
      fail_usage("--text gives the texts themselves: --input, --input_format and columns ",
                 "(--text_a, --text_b, --choices, --id, --header) do not go with it");
    }
    if (pairs > 0 && pairs != texts) {
      fail_usage("--text_pair is given ", counted(static_cast<int64_t>(pairs), "time"),
                 " and --text ", texts, ", expected one for each");
    }
    check_fit({.texts = pairs > 0 ? size_t{2} : size_t{1}});
    return open_texts(flags_.texts, flags_.text_pairs, "--text");
  }

  std::unique_ptr<TextInput> open_questions() {
    if (names_columns(flags_)) {
      fail_usage("--text_a, --text_b, --id and --header are for tables, not for a SQuAD file");
    }
    if (!all_ && task_with(&InputTraits::choices) != nullptr) {
      fail_usage("--tasks: ", task_with(&InputTraits::choices)->name,
                 " chooses among texts, which a SQuAD file does not have");
    }
    if (task_with(&InputTraits::context) == nullptr) {
      fail_usage("--input_format squad: none of the tasks is of the kind span");
    }
    check_fit({.texts = 2});
    return open_squad(std::move(stream_));
  }

  std::unique_ptr<TextInput> open_plain_lines(LineRule rule) {
    if (names_columns(flags_)) {
      fail_usage("--text_a, --text_b, --choices, --id and --header are for tables; is ",
                 "--input_format missing?");
    }
    if (all_ && !line().empty()) check_fit(shape_of_line(line()));
    if (const Task* choosing = task_with(&InputTraits::choices)) {
      for (const int number : numbers_) {
        if (kind_of(task(number)).input().choices) continue;
        fail_usage("--tasks: ", choosing->name, " chooses among texts and other tasks do not: ",
                   "lines cannot hold both; take a table, with --text_a and --choices");
      }
      rule = LineRule::kChoices;
    }
    if (task_with(&InputTraits::context) != nullptr) rule = LineRule::kQuestion;
    return open_lines(std::move(stream_), rule, texts_of_lines());
  }

  // What all tasks agree on that say how many texts they take.
  std::optional<LineTexts> texts_of_lines() const {
    std::optional<LineTexts> expected;
    for (const int number : numbers_) {
      const std::optional<size_t> texts = texts_of(task(number));
      if (!texts) continue;
      if (expected && expected->number != *texts) {
        fail_usage("--tasks: ", expected->task, " takes ",
                   expected->number == 1 ? "one text" : "two texts", ", ", task(number).name, " ",
                   *texts == 1 ? "one" : "two",
                   ": a line cannot hold both; ask them one at a time");
      }
      if (!expected) expected = LineTexts{*texts, task(number).name};
    }
    return expected;
  }

  std::unique_ptr<TextInput> open_columns(FileFormat format) {
    DataFile file = flagged_columns(flags_);
    file.format = format;
    if (flags_.text_a.empty()) take_own_columns(file);
    file.split = "input";
    const bool named = is_named(file.text_a) || is_named(file.text_b) || is_named(file.label) ||
                       std::any_of(file.choices.begin(), file.choices.end(), is_named);
    file.header_known = named || file.header || flags_.header.has_value();
    file.header = flags_.header.value_or(named || file.header);
    check_needs(file);
    check_fit({.texts = file.text_b ? size_t{2} : size_t{1},
               .choices = !file.choices.empty(),
               .table = true});
    return open_table(std::move(stream_), file);
  }

  // A task's columns in this table: of its files' those that the first line has, else the first.
  std::optional<DataFile> columns_for(const Task& task, FileFormat format) {
    const std::vector<DataFile> own = own_columns(task);
    if (own.empty()) return std::nullopt;
    const std::vector<std::string> there = column_names(line(), format);
    for (const DataFile& columns : own) {
      const auto names = names_of_columns(columns);
      if (!names || holds_all(there, *names)) return columns;
    }
    return own.front();
  }

  // Why the table lacks a task's columns, as the end of a sentence; empty if it has them.
  std::string lack(const DataFile& columns, FileFormat format) {
    const auto names = names_of_columns(columns);
    const std::vector<std::string> there = column_names(line(), format);
    if (!names || line().empty()) return "";
    for (const std::string& name : *names) {
      if (holds_all(there, {name})) continue;
      return concat("was trained on the column ", quote(name), ", which the input lacks",
                    did_you_mean(name, there));
    }
    return "";
  }

  // Takes the columns of the tasks' own files, where all that stay have the same.
  void take_own_columns(DataFile& file) {
    std::optional<DataFile> taken;
    std::vector<int> fitting;
    std::vector<std::string> others;
    for (const int number : numbers_) {
      const std::optional<DataFile> columns = columns_for(task(number), file.format);
      std::string problem;
      if (!columns) problem = "was not trained on columns with names";
      // Of a named task the reader says what is missing.
      if (columns && all_) problem = lack(*columns, file.format);
      if (problem.empty() && taken && !same_columns(*taken, *columns)) {
        problem = concat("was trained on other columns than ", task(fitting.front()).name);
      }
      if (problem.empty()) {
        taken = taken ? taken : columns;
        fitting.push_back(number);
      } else if (all_) {
        others.push_back(concat(task(number).name, " ", problem));
      } else {
        fail_usage("--text_a is missing, the column that holds the text in this ",
                   format_name(file.format), " input: task ", quote(task(number).name), " ",
                   problem);
      }
    }
    if (numbers_.empty()) {
      fail_usage("--text_a is missing, the column that holds the text in this ",
                 format_name(file.format), " input");
    }
    keep(std::move(fitting), others);
    file.text_a = taken->text_a;
    if (flags_.text_b.empty()) file.text_b = taken->text_b;
    if (flags_.choices.empty()) file.choices = taken->choices;
    file.header = taken->header;
  }

  // What the tasks that were named need, in words of their kinds.
  void check_needs(const DataFile& file) const {
    const Task* span = all_ ? nullptr : task_with(&InputTraits::context);
    if (span != nullptr && !file.text_b) {
      fail_usage("--text_b is missing: the column of the context that ", span->name,
                 " is asked about; --text_a is that of the question");
    }
    const Task* choosing = task_with(&InputTraits::choices);
    if (choosing == nullptr && !file.choices.empty()) {
      fail_usage("--choices: none of the tasks chooses among texts");
    }
    const bool list = file.format == FileFormat::kJsonl;
    if (all_ || choosing == nullptr || file.choices.size() >= (list ? 1 : 2)) return;
    fail_usage("--choices is missing: the columns, with commas between, of the texts that ",
               choosing->name, " chooses among", list ? ", or the key of a list" : "");
  }

  const InputFlags& flags_;
  std::vector<Task> tasks_;
  std::vector<int> numbers_;
  bool all_ = false;
  std::unique_ptr<InputStream> stream_;
  std::optional<std::string> line_;
};

}  // namespace

TaskInput open_task_input(const InputFlags& flags, const std::vector<Task>& tasks,
                          const std::string& names, const std::stop_token& stop) {
  InputOpener opener(flags, tasks, names, stop);
  std::unique_ptr<TextInput> input = opener.open(LineRule::kTab);
  return {std::move(input), opener.tasks()};
}

std::unique_ptr<TextInput> open_text_input(const InputFlags& flags, LineRule rule,
                                           const std::stop_token& stop) {
  return InputOpener(flags, stop).open(rule);
}

}  // namespace pals
