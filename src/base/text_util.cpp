#include "base/text_util.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>

#include "base/error.h"
namespace pals {
namespace {

// Names that suggestions are made for or out of: longer ones are no typos, and the cost is
// quadratic.
constexpr size_t kLongestName = 64, kMostCandidates = 1000;

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Levenshtein's distance: insertions, deletions and replacements of bytes.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);  // row[j]: distance of a's first i bytes to b's first j
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  size_t start = 0;
  for (;;) {
    const size_t end = text.find(separator, start);
    pieces.push_back(text.substr(start, end - start));
    if (end == std::string_view::npos) return pieces;
    start = end + 1;
  }
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string join(const std::vector<std::string>& pieces, std::string_view separator) {
  std::string joined;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (i > 0) joined += separator;
    joined += pieces[i];
  }
  return joined;
}

std::string ascii_lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lowered;
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  if (name.empty() || name.size() > kLongestName) return "";
  const std::string wanted = ascii_lower(name);
  const size_t allowed = std::max<size_t>(name.size() < 3 ? 1 : 2, name.size() / 3);
  size_t best_distance = allowed + 1;
  const std::string* best = nullptr;
  size_t compared = 0;
  for (const std::string& candidate : candidates) {
    if (candidate.empty() || candidate.size() > kLongestName) continue;
    if (++compared > kMostCandidates) break;
    const size_t distance = edit_distance(wanted, ascii_lower(candidate));
    // A name of which nothing is left is no suggestion.
    if (distance < best_distance && distance < std::max(name.size(), candidate.size())) {
      best_distance = distance;
      best = &candidate;
    }
  }
  return best == nullptr ? "" : *best;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string nearest = nearest_name(name, candidates);
  return nearest.empty() ? "" : "; did you mean " + quote(nearest) + "?";
}

std::string did_you_mean_one_of(std::string_view name, const std::vector<std::string>& candidates,
                                std::string_view title) {
  const std::string nearest = did_you_mean(name, candidates);
  return concat(nearest.empty() ? "." : nearest, " ", title, ": ", join(candidates, ", "));
}

std::string quote(std::string_view text, size_t max_bytes) {
  size_t end = std::min(text.size(), max_bytes);
  if (end < text.size()) {
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  }
  const std::string_view kept = text.substr(0, end);
  // A cell "8" reads better as '"8"' than as "\"8\"".
  const bool single = kept.find('"') != kept.npos && kept.find('\'') == kept.npos;
  const char mark = single ? '\'' : '"';
  std::string shown(1, mark);
  for (const char c : kept) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == mark || c == '\\') {
      shown += '\\';
      shown += c;
    } else if (c == '\n') {
      shown += "\\n";
    } else if (c == '\t') {
      shown += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      char escaped[5];
      std::snprintf(escaped, sizeof(escaped), "\\x%02x", byte);
      shown += escaped;
    } else {
      shown += c;
    }
  }
  if (end < text.size()) shown += "...";
  shown += mark;
  return shown;
}

std::string format_double(double value, int digits) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 512> buffer;  // the largest double has 309 digits before the point
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                          std::chars_format::fixed, std::clamp(digits, 0, 100));
  return error == std::errc() ? std::string(buffer.data(), end) : "?";
}

std::string format_count(uint64_t count) {
  std::string text = std::to_string(count);
  for (size_t place = text.size(); place > 3; place -= 3) text.insert(place - 3, 1, ',');
  return text;
}

std::string counted(int64_t count, std::string_view one, std::string_view many) {
  std::string text = count < 0 ? "-" : "";
  text += format_count(count < 0 ? uint64_t{0} - static_cast<uint64_t>(count)
                                 : static_cast<uint64_t>(count));
  text += ' ';
  text += count == 1 || many.empty() ? one : many;
  if (count != 1 && many.empty()) text += 's';
  return text;
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e14) return "?";
  const auto whole = static_cast<uint64_t>(seconds + 0.5);
  const uint64_t days = whole / 86400;
  const auto hours = static_cast<unsigned>(whole / 3600 % 24);
  const auto minutes = static_cast<unsigned>(whole / 60 % 60);
  const auto rest = static_cast<unsigned>(whole % 60);
  char text[64];
  if (days > 0) {
    std::snprintf(text, sizeof(text), "%llud %02u:%02u:%02u", static_cast<unsigned long long>(days),
                  hours, minutes, rest);
  } else if (hours > 0) {
    std::snprintf(text, sizeof(text), "%u:%02u:%02u", hours, minutes, rest);
  } else {
    std::snprintf(text, sizeof(text), "%u:%02u", minutes, rest);
  }
  return text;
}

std::optional<int64_t> parse_int(std::string_view text) { return parse_number<int64_t>(text); }
double without_float_noise(double value) {
  if (!(std::abs(value) <= std::numeric_limits<float>::max())) return value;
  const auto narrow = static_cast<float>(value);
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), narrow).ptr;
  return parse_double({text.data(), static_cast<size_t>(end - text.data())}).value_or(value);
}

std::optional<double> parse_double(std::string_view text) { return parse_number<double>(text); }

}  // namespace pals
