#include "cli/input_flags.h"

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr const char* kGroup = "Input";

// `auto` goes by the file's ending, and without one by whether columns are named.
std::string resolve_format(const InputFlags& flags) {
  if (flags.format != "auto") return flags.format;
  if (flags.input.ends_with(".csv")) return "csv";
  if (flags.input.ends_with(".jsonl")) return "jsonl";
  return flags.text_a.empty() ? "lines" : "tsv";
}

FileFormat parse_format(const std::string& name) {
  for (const FileFormat format : {FileFormat::kTsv, FileFormat::kCsv, FileFormat::kJsonl}) {
    if (name == format_name(format)) return format;
  }
  fail_usage("--input_format: ", quote(name), " is unknown, expected lines, tsv, csv or jsonl");
}

}  // namespace

void add_input_flags(CLI::App& app, InputFlags& flags) {
  app.add_option("--input,--input_file", flags.input, "a file; default: standard input")
      ->group(kGroup);
  app.add_option("--input_format", flags.format,
                 "lines, tsv, csv or jsonl; auto: .csv and .jsonl by their ending, else tsv with "
                 "--text_a, lines without")
      ->group(kGroup);
  app.add_option("--text_a", flags.text_a,
                 "column of the text: its name, its number from 0 or, negative, from the end; the "
                 "key in jsonl")
      ->group(kGroup);
  app.add_option("--text_b", flags.text_b, "column of the second text of pairs")->group(kGroup);
  app.add_flag("--header", flags.header,
               "the first row names the columns (so without saying if a column is given by name)")
      ->group(kGroup);
}

std::unique_ptr<TextInput> open_input(const InputFlags& flags, LineRule rule) {
  const std::string format = resolve_format(flags);
  if (format == "lines") {
    if (!flags.text_a.empty() || !flags.text_b.empty() || flags.header) {
      fail_usage("--text_a, --text_b and --header are for tables; is --input_format missing?");
    }
    return open_lines(flags.input, rule);
  }
  DataFile file{.split = "input", .format = parse_format(format)};
  if (flags.text_a.empty()) {
    fail_usage("--text_a is missing: the column that holds the text in this ", format, " input");
  }
  file.text_a = parse_column(flags.text_a);
  if (!flags.text_b.empty()) file.text_b = parse_column(flags.text_b);
  file.header = flags.header || !file.text_a.number || (file.text_b && !file.text_b->number);
  return open_table(flags.input, file);
}

}  // namespace pals
