// Pieces of HTML. Whatever comes from outside goes through html_text().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pals {

/// Untrusted text for the content of an element or an attribute in double quotes: & < > " ' are
/// references, control characters and bytes that are no UTF-8 become U+FFFD; cut after
/// `most_characters`, with an ellipsis.
std::string html_text(std::string_view text, size_t most_characters = 400);

/// Numbers for readers: "0.842" (en dash if it is not finite), "84.2 %", "1,234", "12.3 M".
std::string figure_text(double value, int digits = 3);
std::string percent_text(double share, int digits = 1);
std::string count_text(int64_t count);
std::string short_count(double count);
/// "1.2 GB".
std::string bytes_text(double bytes);
/// "45 s", "3 min 20 s", "2 h 05 min".
std::string seconds_text(double seconds);

/// A table; cells are HTML. The first column is a header of its row, the others are numbers unless
/// they are named in `texts`.
class HtmlTable {
 public:
  explicit HtmlTable(std::vector<std::string> header, std::vector<size_t> texts = {});
  void add_row(std::vector<std::string> cells);
  size_t num_rows() const { return rows_.size(); }
  std::string html() const;

 private:
  std::string cell(size_t column, const std::string& content, const char* head_scope) const;

  std::vector<std::string> header_;
  std::vector<size_t> texts_;
  std::vector<std::vector<std::string>> rows_;
};

/// <section> with a heading; `id` is escaped, `title` too, `content` is HTML.
std::string section(std::string_view id, std::string_view title, const std::string& content);

/// A box with a heading that stands in a grid of such.
std::string card(std::string_view title, const std::string& content, const char* style = "");

/// Boxes beside each other, as many as the page has room for.
std::string grid(const std::string& cards);

/// Blocks below each other.
std::string stack(const std::string& blocks);

/// Escaped text that may be broken behind "_", "-" and "/", as long names are.
std::string breakable_text(std::string_view text, size_t most_characters = 400);

/// A paragraph of quiet text; `text` is escaped.
std::string remark(std::string_view text);

}  // namespace pals
