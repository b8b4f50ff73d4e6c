#include "draft/scale.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

#include "base/error.h"
#include "base/text_util.h"
#include "draft/columns.h"
#include "draft/numbers.h"

namespace pals {
namespace {

constexpr size_t kFewestValues = 20;  // among which one can be far out
constexpr size_t kValuesPerOutlier = 100;
constexpr double kFarOut = 3.0;  // times the next largest
constexpr size_t kValuesShown = 3;
constexpr size_t kValueBytes = 24;

/// A number of a column, and where it stands.
struct Value {
  double size = 0.0;  ///< without its sign
  const Sample* sample = nullptr;
  size_t row = 0;
};

/// All numbers of the column, the largest first.
std::vector<Value> values_in(const std::vector<Sample>& samples, size_t column) {
  std::vector<Value> values;
  for (const Sample& sample : samples) {
    if (column >= sample.columns.size()) continue;
    const std::vector<std::string>& texts = sample.columns[column].values;
    for (size_t row = 0; row < texts.size(); ++row) {
      if (is_no_label_mark(texts[row])) continue;
      const std::optional<double> number = number_of(texts[row]);
      if (number) values.push_back({std::abs(*number), &sample, row});
    }
  }
  std::ranges::stable_sort(values, std::ranges::greater(), &Value::size);
  return values;
}

/// How many of the largest values are far from the others.
size_t count_outliers(const std::vector<Value>& values) {
  if (values.size() < kFewestValues) return 0;
  size_t outliers = 0;
  const size_t most = std::max<size_t>(1, values.size() / kValuesPerOutlier);
  for (size_t i = 1; i <= most; ++i) {
    const double next = values[i].size;
    if (next > 0.0 && values[i - 1].size > kFarOut * next) outliers = i;
  }
  return outliers;
}

}  // namespace

FoundScale find_scale(const std::vector<Sample>& samples, size_t column) {
  const std::vector<Value> values = values_in(samples, column);
  FoundScale found;
  if (values.empty()) return found;
  const size_t outliers = count_outliers(values);
  const double largest = values[outliers].size;
  if (largest > 1.0) found.scale = std::ceil(largest);
  if (outliers == 0) return found;
  const auto text = [&](const Value& value) {
    return quote(value.sample->columns[column].values[value.row], kValueBytes);
  };
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(outliers, kValuesShown); ++i) {
    const Sample& sample = *values[i].sample;
    const bool same_file = i > 0 && values[i - 1].sample == &sample;
    shown.push_back(concat(same_file ? "line " : sample.path + ":", sample.lines[values[i].row],
                           " ", text(values[i])));
  }
  found.doubt = concat(column_text(samples.front(), column), ": ", outliers, " of ",
                       counted(std::ssize(values), "value"), outliers == 1 ? " is" : " are",
                       " far out (", join(shown, ", "), outliers > shown.size() ? ", ..." : "",
                       "), the next largest is ", text(values[outliers]),
                       "; \"label_scale\" goes by the others: mend ", outliers == 1 ? "it" : "them",
                       ", or write that of the whole range into the task file");
  return found;
}

}  // namespace pals
