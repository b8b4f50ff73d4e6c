#include "report/html.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/text_util.h"
#include "base/utf8.h"

namespace pals {
namespace {

constexpr double kMinute = 60.0, kHour = 3600.0;

void append_escaped(char32_t value, std::string& out) {
  switch (value) {
    case '&':
      out += "&amp;";
      return;
    case '<':
      out += "&lt;";
      return;
    case '>':
      out += "&gt;";
      return;
    case '"':
      out += "&quot;";
      return;
    case '\'':
      out += "&#39;";
      return;
    default:
      break;
  }
  const bool control = (value < 0x20 && value != '\n' && value != '\t') ||
                       (value >= 0x7F && value < 0xA0) || (value & 0xFFFE) == 0xFFFE;
  out += to_utf8(control ? kReplacementCharacter : value);
}

std::string scaled(double value, double step, const std::vector<const char*>& units) {
  size_t unit = 0;
  while (std::abs(value) >= step && unit + 1 < units.size()) {
    value /= step;
    ++unit;
  }
  return concat(format_double(value, unit == 0 || std::abs(value) >= 100.0 ? 0 : 1), units[unit]);
}

}  // namespace

std::string html_text(std::string_view text, size_t most_characters) {
  std::string out;
  const char *at = text.data(), *end = at + text.size();
  for (size_t count = 0; at < end; ++count) {
    if (count == most_characters) return out + "…";
    const CodePoint point = decode_utf8(at, end);
    append_escaped(point.value, out);
    at += point.size;
  }
  return out;
}

std::string figure_text(double value, int digits) {
  return std::isfinite(value) ? format_double(value, digits) : "–";
}

std::string percent_text(double share, int digits) {
  return std::isfinite(share) ? format_double(100.0 * share, digits) + " %" : "–";
}

std::string count_text(int64_t count) {
  return format_count(static_cast<uint64_t>(std::max<int64_t>(0, count)));
}

std::string short_count(double count) {
  return scaled(count, 1000.0, {"", " k", " M", " G", " T"});
}

std::string bytes_text(double bytes) {
  return scaled(bytes, 1000.0, {" B", " kB", " MB", " GB", " TB"});
}

std::string seconds_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0.0) return "–";
  if (seconds < 10.0) return format_double(seconds, 1) + " s";
  if (seconds < kMinute) return format_double(seconds, 0) + " s";
  const auto whole = static_cast<int64_t>(std::min(seconds, 1e12));
  if (seconds < kHour) return concat(whole / 60, " min ", whole % 60, " s");
  return concat(whole / 3600, " h ", whole % 3600 / 60, " min");
}

HtmlTable::HtmlTable(std::vector<std::string> header, std::vector<size_t> texts)
    : header_(std::move(header)), texts_(std::move(texts)) {}

void HtmlTable::add_row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

std::string HtmlTable::cell(size_t column, const std::string& content,
                            const char* head_scope) const {
  const bool text = column == 0 || std::ranges::find(texts_, column) != texts_.end();
  const std::string kind = text ? "" : " class=\"n\"";
  if (*head_scope == '\0') return concat("<td", kind, ">", content, "</td>");
  return concat("<th scope=\"", head_scope, "\"", kind, ">", content, "</th>");
}

std::string HtmlTable::html() const {
  std::string out = "<div class=\"scroll\"><table><thead><tr>";
  for (size_t i = 0; i < header_.size(); ++i) out += cell(i, header_[i], "col");
  out += "</tr></thead><tbody>\n";
  for (const std::vector<std::string>& row : rows_) {
    out += "<tr>";
    for (size_t i = 0; i < row.size(); ++i) out += cell(i, row[i], i == 0 ? "row" : "");
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string section(std::string_view id, std::string_view title, const std::string& content) {
  return concat("<section id=\"", html_text(id), "\"><h2>", html_text(title), "</h2>\n", content,
                "</section>\n");
}

std::string card(std::string_view title, const std::string& content, const char* style) {
  return concat("<div class=\"card ", style, "\"><h3>", html_text(title), "</h3>\n", content,
                "</div>\n");
}

std::string grid(const std::string& cards) {
  return cards.empty() ? "" : concat("<div class=\"grid\">", cards, "</div>\n");
}

std::string stack(const std::string& blocks) {
  return concat("<div class=\"stack\">", blocks, "</div>\n");
}

std::string breakable_text(std::string_view text, size_t most_characters) {
  constexpr size_t kLong = 14;
  std::string escaped = html_text(text, most_characters);
  if (text.size() <= kLong) return escaped;
  std::string out;
  for (const char c : escaped) {
    out += c;
    if (c == '_' || c == '-' || c == '/') out += "&#8203;";  // a space without width
  }
  return out;
}

std::string remark(std::string_view text) {
  return concat("<p class=\"quiet\">", html_text(text), "</p>\n");
}

}  // namespace pals
