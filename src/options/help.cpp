#include "options/help.h"

#include <algorithm>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

std::string code(const std::string& text) { return "`" + text + "`"; }

std::string values(const Option& option) {
  const std::vector<std::string>& names =
      option.suggestions.empty() ? option.field.names() : option.suggestions;
  if (names.empty()) return option.allowed();
  std::vector<std::string> codes;
  for (const std::string& name : names) codes.push_back(code(name));
  return join(codes, ", ");
}

std::string table_row(const Option& option) {
  std::vector<std::string> flags = {code(option.flag())};
  for (const std::string& alias : option.aliases) flags.push_back(code("--" + alias));
  const std::string value = option.value_text();
  const std::vector<std::string> cells = {join(flags, ", "), value.empty() ? "" : code(value),
                                          values(option), option.help + option.more};
  std::string row = "|";
  for (const std::string& cell : cells) row += cell.empty() ? " |" : " " + cell + " |";
  return row + "\n";
}

}  // namespace

std::string plain_text(const std::string& markdown) {
  std::string text = markdown;
  std::erase(text, '`');
  return text;
}

std::string help_text(const Option& option) {
  std::string text = plain_text(option.help);
  const std::string allowed = option.allowed();
  const bool names = option.field.type() == FieldType::kChoice || !option.suggestions.empty();
  return names ? text + ": " + allowed : text;
}

std::string option_tables(const std::string& command, const OptionList& options) {
  std::string text;
  const auto block = [&](const std::string& name, const std::string& content) {
    text += concat("<!-- options ", command, ": ", name, " -->\n", content, "<!-- end -->\n\n");
  };
  for (const std::string& group : options.groups()) {
    std::string rows = "| flag | default | values | meaning |\n|---|---|---|---|\n";
    for (const Option& option : options.rows()) {
      if (option.group == group) rows += table_row(option);
    }
    block(group, rows);
  }
  if (!options.resumes()) return text;
  std::vector<std::string> free;
  for (const Option& option : options.rows()) {
    if (option.may_differ != MayDiffer::kNowhere) free.push_back(code(option.flag()));
  }
  block("may change", join(free, ", ") + "\n");
  return text;
}

}  // namespace pals
