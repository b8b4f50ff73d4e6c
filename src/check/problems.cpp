#include "check/problems.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/one_line.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr size_t kMostCharacters = 400;  // of a message

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter_or_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// The message with each number and each quoted text as one mark, and without what stands in
/// parentheses (lists of what there is).
std::string pattern_of(std::string_view message) {
  std::string pattern;
  int depth = 0;
  for (size_t i = 0; i < message.size(); ++i) {
    const char c = message[i];
    if (c == '"') {
      size_t end = i + 1;
      while (end < message.size() && message[end] != '"') end += message[end] == '\\' ? 2 : 1;
      i = std::min(end, message.size());
      if (depth == 0) pattern += '"';
    } else if (c == '(' || c == ')') {
      depth = std::max(0, depth + (c == '(' ? 1 : -1));
    } else if (is_digit(c)) {
      while (i + 1 < message.size() && is_letter_or_digit(message[i + 1])) ++i;  // 0xE9, too
      if (depth == 0 && !pattern.ends_with('#')) pattern += '#';
    } else if (depth == 0) {
      pattern += c;
    }
  }
  // A suggestion is not another kind of fault.
  return pattern.substr(0, pattern.find("; did you mean"));
}

std::string place_of(const Problem& problem) { return concat(problem.task, '\0', problem.file); }

const char* severity_name(Severity severity) {
  return severity == Severity::kError ? "error" : "warning";
}

}  // namespace

PlacedMessage take_apart(std::string_view message, const std::string& where) {
  PlacedMessage placed{0, std::string(message)};
  if (!message.starts_with(where)) return placed;
  std::string_view rest = message.substr(where.size());
  if (rest.size() > 1 && rest.front() == ':' && is_digit(rest[1])) {
    const auto [end, error] =
        std::from_chars(rest.data() + 1, rest.data() + rest.size(), placed.line);
    if (error != std::errc()) return placed;
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  }
  if (!rest.starts_with(":")) return {0, std::string(message)};
  const bool column = placed.line > 0 && rest.size() > 1 && is_digit(rest[1]);
  placed.text = concat(column ? "column " : "", trim(rest.substr(1)));
  return placed;
}

void ProblemList::add(Problem problem) {
  ++(problem.severity == Severity::kError ? errors_ : warnings_);
  problem.message = one_line(problem.message, kMostCharacters);
  const std::string place = place_of(problem);
  files_.emplace(place, files_.size());
  Alike& alike = alike_[concat(severity_name(problem.severity), place, '\0',
                               problem.line > 0 ? '1' : '0', pattern_of(problem.message))];
  if (alike.count++ == 0) alike.first = problems_.size();
  if (alike.count <= kShown) problems_.push_back(std::move(problem));
}

std::vector<Problem> ProblemList::sorted() const {
  std::vector<Problem> all = problems_;
  for (const auto& [pattern, alike] : alike_) {
    if (alike.count <= kShown) continue;
    Problem more = problems_[alike.first];
    more.message = concat("and ", format_count(static_cast<uint64_t>(alike.count - kShown)),
                          " more such as in line ", more.line, ": ", more.message);
    more.line = 0;
    all.push_back(std::move(more));
  }
  const auto order = [&](const Problem& problem) {
    return std::tuple(files_.at(place_of(problem)), problem.line == 0, problem.line);
  };
  // What follows a map's order would differ from run to run.
  std::ranges::sort(all, {}, [&](const Problem& problem) {
    return std::tuple_cat(order(problem), std::tuple(problem.severity, problem.message));
  });
  return all;
}

OrderedJson problems_json(const std::vector<Problem>& problems) {
  OrderedJson list = OrderedJson::array();
  for (const Problem& problem : problems) {
    list.push_back({{"severity", severity_name(problem.severity)},
                    {"file", problem.file},
                    {"line", problem.line > 0 ? OrderedJson(problem.line) : OrderedJson()},
                    {"task", problem.task.empty() ? OrderedJson() : OrderedJson(problem.task)},
                    {"message", problem.message}});
  }
  return list;
}

std::string problems_text(const ProblemList& problems) {
  std::string text;
  for (const Problem& problem : problems.sorted()) {
    text += concat(severity_name(problem.severity), ": ", problem.file);
    if (problem.line > 0) text += concat(":", problem.line);
    if (!problem.task.empty()) text += concat(": task ", quote(problem.task));
    text += concat(": ", problem.message, "\n");
  }
  return text + concat(counted(problems.errors(), "error"), ", ",
                       counted(problems.warnings(), "warning"), "\n");
}

}  // namespace pals
