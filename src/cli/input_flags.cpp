#include "cli/input_flags.h"

#include <algorithm>
#include <cstddef>

#include "base/error.h"
#include "base/text_util.h"
#include "kinds/kind.h"

namespace pals {
namespace {

// `auto` goes by the file's ending, and without one by whether columns are named.
std::string resolve_format(const InputFlags& flags, const InputNeeds& needs) {
  if (flags.format != "auto") return flags.format;
  if (flags.input.ends_with(".csv")) return "csv";
  if (flags.input.ends_with(".jsonl")) return "jsonl";
  if (flags.input.ends_with(".json") && !needs.span.empty()) return "squad";
  return flags.text_a.empty() ? "lines" : "tsv";
}

FileFormat parse_format(const std::string& name) {
  for (const FileFormat format : {FileFormat::kTsv, FileFormat::kCsv, FileFormat::kJsonl}) {
    if (name == format_name(format)) return format;
  }
  fail_usage("--input_format: ", quote(name),
             " is unknown, expected lines, tsv, csv or jsonl, or squad for span tasks");
}

bool names_columns(const InputFlags& flags) {
  return flags.header || !flags.text_a.empty() || !flags.text_b.empty() || !flags.choices.empty() ||
         !flags.id.empty();
}

std::unique_ptr<TextInput> open_questions(const InputFlags& flags, const InputNeeds& needs,
                                          const std::stop_token& stop) {
  if (needs.span.empty()) fail_usage("--input_format squad: none of the tasks is of the kind span");
  if (!needs.choice.empty()) {
    fail_usage("--tasks: ", needs.choice, " chooses among texts, which a SQuAD file does not have");
  }
  if (names_columns(flags)) {
    fail_usage("--text_a, --text_b, --id and --header are for tables, not for a SQuAD file");
  }
  return open_squad(flags.input, stop);
}

std::unique_ptr<TextInput> open_plain_lines(const InputFlags& flags, LineRule rule,
                                            const InputNeeds& needs, const std::stop_token& stop) {
  if (names_columns(flags)) {
    fail_usage("--text_a, --text_b, --choices, --id and --header are for tables; is ",
               "--input_format missing?");
  }
  if (!needs.choice.empty() && !needs.only_choice) {
    fail_usage("--tasks: ", needs.choice, " chooses among texts and other tasks do not: lines ",
               "cannot hold both; take a table, with --text_a and --choices");
  }
  if (!needs.choice.empty()) rule = LineRule::kChoices;
  if (!needs.span.empty()) rule = LineRule::kQuestion;
  return open_lines(flags.input, rule, stop);
}

bool is_named(const std::optional<Column>& column) { return column && !column->number; }

// Whether a column of the file is given by name.
bool has_named_column(const DataFile& file) {
  return is_named(file.text_a) || is_named(file.text_b) || is_named(file.label) ||
         std::any_of(file.choices.begin(), file.choices.end(), is_named);
}

// The columns that the flags name, or the usual ones.
DataFile columns_of(const InputFlags& flags, const std::string& format, const InputNeeds& needs) {
  DataFile file;
  if (!flags.text_a.empty()) {
    file.text_a = parse_column(flags.text_a);
  } else if (needs.columns) {
    file = *needs.columns;
  } else {
    fail_usage("--text_a is missing: the column that holds the text in this ", format, " input");
  }
  if (!flags.text_b.empty()) file.text_b = parse_column(flags.text_b);
  if (!flags.choices.empty()) {
    file.choices.clear();
    for (const std::string_view name : split(flags.choices, ',')) {
      file.choices.push_back(parse_column(std::string(trim(name))));
    }
  }
  file.split = "input";
  file.format = parse_format(format);
  file.label.reset();
  if (!flags.id.empty()) file.label = parse_column(flags.id);
  file.header = file.header || flags.header || has_named_column(file);
  return file;
}

void check_needs(const DataFile& file, const InputNeeds& needs) {
  if (!needs.span.empty() && !file.text_b) {
    fail_usage("--text_b is missing: the column of the context that ", needs.span,
               " is asked about; --text_a is that of the question");
  }
  if (needs.choice.empty()) {
    if (!file.choices.empty()) fail_usage("--choices: none of the tasks chooses among texts");
    return;
  }
  const bool list = file.format == FileFormat::kJsonl;
  if (file.choices.size() >= (list ? 1 : 2)) return;
  fail_usage("--choices is missing: the columns, with commas between, of the texts that ",
             needs.choice, " chooses among", list ? ", or the key of a list" : "");
}

}  // namespace

InputNeeds needs_of(const std::vector<const Task*>& tasks) {
  InputNeeds needs;
  needs.only_choice = true;
  for (const Task* task : tasks) {
    const InputTraits traits = kind_of(*task).input();
    if (traits.context) needs.span = task->name;
    if (traits.choices) needs.choice = task->name;
    needs.only_choice = needs.only_choice && traits.choices;
  }
  // The usual columns, where all tasks have the same.
  needs.columns = kind_of(*tasks.front()).input_columns(*tasks.front());
  for (const Task* task : tasks) {
    if (kind_of(*task).input_columns(*task) != needs.columns) needs.columns.reset();
  }
  return needs;
}

std::unique_ptr<TextInput> open_input(const InputFlags& flags, LineRule rule,
                                      const InputNeeds& needs, const std::stop_token& stop) {
  const std::string format = resolve_format(flags, needs);
  if (format == "squad") return open_questions(flags, needs, stop);
  if (format == "lines") return open_plain_lines(flags, rule, needs, stop);
  const DataFile file = columns_of(flags, format, needs);
  check_needs(file, needs);
  return open_table(flags.input, file, stop);
}

}  // namespace pals
