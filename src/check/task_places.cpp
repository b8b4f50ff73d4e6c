#include "check/task_places.h"

#include <algorithm>

namespace pals {
namespace {

constexpr size_t kTasksDepth = 2;  // {"tasks": [...
constexpr std::string_view kBlanks = " \t\r\n";

/// Walks over the characters of a document.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}

  std::vector<TaskPlace> places() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') ++line_;
      if (c == '"') see_string();
      if (c == '{' || c == '[') open(c);
      if ((c == '}' || c == ']') && depth_ > 0) close();
    }
    return std::move(places_);
  }

 private:
  /// Leaves at_ on the closing quote.
  void see_string() {
    const size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_, text_.size());
    size_t next = std::min(at_ + 1, text_.size());
    while (next < text_.size() && kBlanks.find(text_[next]) != kBlanks.npos) ++next;
    if (next >= text_.size() || text_[next] != ':') return;
    const std::string_view key = text_.substr(begin, at_ - begin);
    if (depth_ == 1) root_key_ = key;
    if (in_tasks_ && depth_ == kTasksDepth + 1 && !places_.empty()) {
      places_.back().keys.emplace(key, line_);
    }
  }

  void open(char c) {
    if (depth_ == 1) in_tasks_ = c == '[' && root_key_ == "tasks";
    if (depth_ == kTasksDepth && in_tasks_ && c == '{') places_.push_back({line_, {}});
    ++depth_;
  }

  void close() {
    if (--depth_ < kTasksDepth) in_tasks_ = false;
  }

  std::string_view text_, root_key_;
  std::vector<TaskPlace> places_;
  size_t at_ = 0, depth_ = 0;
  int64_t line_ = 1;
  bool in_tasks_ = false;
};

}  // namespace

int64_t TaskPlace::line_of(const std::string& key) const {
  const auto found = keys.find(key);
  return found == keys.end() ? line : found->second;
}

std::vector<TaskPlace> places_of_tasks(std::string_view text) { return Walk(text).places(); }

}  // namespace pals
