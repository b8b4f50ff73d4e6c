#include "cli/man_page.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "base/error.h"
#include "base/text_util.h"
#include "base/utf8.h"
#include "base/version.h"
#include "cli/option_flags.h"
#include "options/help.h"

namespace pals {
namespace {

constexpr const char* kExitStatus =
    "0: done. 1: a fault in data or in a run. 2: a wrong flag or configuration. 128 + n: stopped "
    "by "
    "signal n.";

// A character that troff takes for something else, or shows as another one.
const char* escaped(char32_t character) {
  switch (character) {
    case '\\':
      return "\\e";
    case '-':
      return "\\-";
    case '\'':
      return "\\(aq";
    case '`':
      return "\\(ga";
    case '^':
      return "\\(ha";
    case '~':
      return "\\(ti";
    case '"':
      return "\\(dq";
    default:
      return nullptr;
  }
}

// A text as troff reads it: no line of it is a request.
std::string troff(const std::string& text) {
  std::string out;
  bool line_begins = true;
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const CodePoint point = decode_utf8(at, end);
    at += point.size;
    if (line_begins && point.value == '.') out += "\\&";
    line_begins = point.value == '\n';
    if (const char* known = escaped(point.value)) {
      out += known;
    } else if (point.value < 0x80) {
      out += static_cast<char>(point.value);
    } else {
      char code[16];
      std::snprintf(code, sizeof code, "\\[u%04X]", static_cast<unsigned>(point.value));
      out += code;
    }
  }
  return out;
}

std::string bold(const std::string& text) { return "\\fB" + troff(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + troff(text) + "\\fR"; }

/// A page while it is written.
class Page {
 public:
  Page(const std::string& name, const std::string& description) {
    std::string upper = name;
    for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    line(concat(".TH ", troff(upper), " 1 \"\" \"PALs ", troff(version()), "\" \"PALs\""));
    line(".nh\n.ad l");  // a flag is not divided, nor are gaps left between words
    section("NAME");
    line(troff(name) + " \\- " + troff(description));
  }

  void section(const char* title) { line(concat(".SH ", title)); }
  void group(const std::string& title) { line(".SS " + troff(title)); }

  /// In troff already.
  void line(const std::string& text) { text_ += text + "\n"; }

  /// An entry of a list: what it is called, in troff, and what it is.
  void entry(const std::string& tag, const std::string& text) {
    line(".TP\n" + tag);
    line(troff(text));
  }

  /// Paragraphs, with empty lines between.
  void paragraphs(const std::string& text) {
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find("\n\n", at), text.size());
      line(".PP\n" + troff(text.substr(at, end - at)));
      at = end + 2;
    }
  }

  /// Lines as they are.
  void verbatim(const std::string& text) { line(".PP\n.nf\n" + troff(text) + "\n.fi"); }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// What stands below a command's flags in --help.
struct Footer {
  std::string text, examples;
};

Footer footer_of(const CLI::App& app) {
  const std::string whole = plain_text(app.get_footer());
  for (const std::string title : {"Examples:\n", "Example:\n"}) {
    const size_t at = whole.find(title);
    if (at == std::string::npos) continue;
    return {std::string(trim(whole.substr(0, at))), whole.substr(at + title.size())};
  }
  return {whole, ""};
}

std::vector<const CLI::Option*> positionals_of(const CLI::App& app) {
  std::vector<const CLI::Option*> found;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) found.push_back(option);
  }
  return found;
}

std::string entry_of(const Option& option) {
  const bool named = option.field.type() == FieldType::kChoice || !option.suggestions.empty();
  const std::string allowed = named ? "" : option.allowed();  // help_text() names choices
  std::string text = help_text(option);
  if (!allowed.empty()) text += concat("; ", allowed);
  const std::string value = option.value_text();
  return value.empty() ? text : concat(text, "; default: ", value);
}

std::string tag_of(const Option& option) {
  std::string tag = bold(option.flag());
  for (const std::string& alias : option.aliases) tag += ", " + bold("--" + alias);
  return option.is_switch() ? tag : concat(tag, " ", italic(value_name(option)));
}

void list_options(Page& page, const OptionList& options) {
  page.section("OPTIONS");
  page.entry(bold("-h") + ", " + bold("--help"), "print the flags and examples");
  for (const std::string& group : options.groups()) {
    const auto shown = [&](const Option& option) {
      return option.group == group && !option.hidden;
    };
    if (!group.empty() && std::ranges::any_of(options.rows(), shown)) page.group(group);
    for (const Option& option : options.rows()) {
      if (shown(option)) page.entry(tag_of(option), entry_of(option));
    }
  }
}

std::string page_name(const Command& command) { return "pals-" + command.app->get_name(); }

}  // namespace

std::string man_page(const CLI::App& program, const std::vector<Command>& commands) {
  std::string description = plain_text(program.get_description());
  const size_t end = description.find("\n\n");
  std::string first = description.substr(0, end);
  if (first.ends_with('.')) first.pop_back();
  Page page("pals",
            ascii_lower(first.substr(0, 1)) + first.substr(std::min<size_t>(1, first.size())));
  page.section("SYNOPSIS");
  page.line(concat(bold("pals"), " ", italic("COMMAND"), " [", italic("FLAG"), "]..."));
  page.section("DESCRIPTION");
  page.paragraphs(
      "Results go to standard output, all else to standard error.\n\n"
      "In flags _ and - are the same; --flag=value works as --flag value does; the last one of a "
      "repeated flag counts. --config FILE reads flags from a JSON file.");
  page.section("COMMANDS");
  std::vector<std::string> pages;
  for (const Command& command : commands) {
    page.entry(bold(command.app->get_name()), plain_text(command.app->get_description()));
    pages.push_back(bold(page_name(command)) + "(1)");
  }
  page.entry(bold("man"), "print this page, or that of the command whose name follows");
  page.entry(bold("completion bash"), "print the script with which bash completes");
  page.section("OPTIONS");
  page.entry(bold("-h") + ", " + bold("--help"), "print the commands; after a command, its flags");
  page.entry(bold("--version"), "print the version");
  page.section("EXIT STATUS");
  page.line(troff(kExitStatus));
  page.section("SEE ALSO");
  page.line(join(pages, ",\n"));
  return page.text();
}

std::string man_page(const std::string& name, const std::vector<Command>& commands) {
  const auto command = std::ranges::find_if(
      commands, [&](const Command& one) { return one.app->get_name() == name; });
  if (command == commands.end()) {
    std::vector<std::string> names;
    for (const Command& one : commands) names.push_back(one.app->get_name());
    fail_usage("man: there is no command ", quote(name), did_you_mean(name, names),
               " (commands: ", join(names, ", "), ")");
  }
  const CLI::App& app = *command->app;
  Page page(page_name(*command), plain_text(app.get_description()));
  const std::vector<const CLI::Option*> positionals = positionals_of(app);
  std::string synopsis = concat(bold("pals " + name), " [", italic("FLAG"), "]...");
  for (const CLI::Option* one : positionals) {
    synopsis += concat(" [", italic(one->get_name(true)), "]",
                       one->get_items_expected_max() > 1 ? "..." : "");
  }
  page.section("SYNOPSIS");
  page.line(synopsis);
  const Footer footer = footer_of(app);
  if (!footer.text.empty() || !positionals.empty()) page.section("DESCRIPTION");
  page.paragraphs(footer.text);
  for (const CLI::Option* one : positionals) {
    page.entry(italic(one->get_name(true)), plain_text(one->get_description()));
  }
  list_options(page, command->options);
  if (!footer.examples.empty()) {
    page.section("EXAMPLES");
    page.verbatim(footer.examples);
  }
  page.section("EXIT STATUS");
  page.line(troff(kExitStatus));
  page.section("SEE ALSO");
  page.line(bold("pals") + "(1)");
  return page.text();
}

}  // namespace pals
