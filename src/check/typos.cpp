#include "check/typos.h"

#include <algorithm>

#include "check/labels.h"
#include "kinds/row_reading.h"

namespace pals {
namespace {

constexpr int64_t kMostSlips = 2;  // rows of a label that is mistyped
constexpr size_t kLeastLetters = 4, kLeastSwapped = 3;

bool is_decimal(char c) { return c >= '0' && c <= '9'; }

/// The type of a tag such as B-X, else the name itself.
std::string_view type_of(std::string_view name) {
  return name.size() > 2 && name[1] == '-' ? name.substr(2) : name;
}

}  // namespace

bool is_slip_of(std::string_view name, std::string_view other) {
  const std::string_view one = type_of(name), two = type_of(other);
  const bool same_mark =
      name.substr(0, name.size() - one.size()) == other.substr(0, other.size() - two.size());
  if (!same_mark || one == two) return false;
  size_t front = 0, back = 0;
  const size_t shorter = std::min(one.size(), two.size());
  while (front < shorter && one[front] == two[front]) ++front;
  while (back < shorter - front && one[one.size() - 1 - back] == two[two.size() - 1 - back]) ++back;
  const std::string_view left = one.substr(front, one.size() - front - back);
  const std::string_view right = two.substr(front, two.size() - front - back);
  const auto has_digit = [](std::string_view text) {
    return std::ranges::any_of(text, is_decimal);
  };
  if (has_digit(left) || has_digit(right)) return false;
  if (left.size() <= 1 && right.size() <= 1) return shorter >= kLeastLetters;
  const bool swapped =
      left.size() == 2 && right.size() == 2 && left[0] == right[1] && left[1] == right[0];
  return swapped && shorter >= kLeastSwapped;
}

std::vector<LabelTypo> find_typos(const std::vector<std::string>& labels,
                                  const std::vector<int64_t>& counts) {
  std::vector<LabelTypo> typos;
  for (size_t label = 0; label < labels.size(); ++label) {
    if (counts[label] == 0 || counts[label] > kMostSlips) continue;
    for (size_t other = 0; other < labels.size(); ++other) {
      if (counts[other] < kRareRows || !is_slip_of(labels[label], labels[other])) continue;
      if (folded_label(labels[label]) == folded_label(labels[other])) continue;  // told as such
      typos.push_back({label, other});
      break;
    }
  }
  return typos;
}

}  // namespace pals
