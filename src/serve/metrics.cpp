#include "serve/metrics.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/error.h"

namespace pals {
namespace {

const std::vector<double> kSeconds = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
                                      0.1,    0.2,   0.5,   1.0,   2.0,  5.0,  10.0};
const std::vector<double> kSizes = {1,   2,   4,    8,    16,   32,   64,    128,
                                    256, 512, 1024, 2048, 4096, 8192, 16'384};

std::string number_text(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

void append_escaped(std::string_view value, std::string& text) {
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    text += c == '\n' ? ' ' : c;
  }
}

/// `method="predict",task="sst"`.
std::string label_text(const MetricLabels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    if (!text.empty()) text += ',';
    text += name + "=\"";
    append_escaped(value, text);
    text += '"';
  }
  return text;
}

std::string with_labels(const std::string& name, std::string labels, const std::string& more = "") {
  if (!more.empty()) labels += (labels.empty() ? "" : ",") + more;
  return labels.empty() ? name : name + "{" + labels + "}";
}

}  // namespace

void Metrics::count(const std::string& name, const MetricLabels& labels, double by) {
  const std::lock_guard lock(mutex_);
  families_[name].series[label_text(labels)].value += by;
}

void Metrics::set(const std::string& name, double value) {
  const std::lock_guard lock(mutex_);
  Family& family = families_[name];
  family.type = Type::kGauge;
  family.series[""].value = value;
}

void Metrics::observe(const std::string& name, const std::vector<double>& bounds, double value,
                      const MetricLabels& labels) {
  const std::lock_guard lock(mutex_);
  Family& family = families_[name];
  family.type = Type::kHistogram;
  family.bounds = &bounds;
  Series& series = family.series[label_text(labels)];
  series.buckets.resize(bounds.size());
  const auto bucket = std::ranges::lower_bound(bounds, value) - bounds.begin();
  if (bucket < std::ssize(bounds)) ++series.buckets[static_cast<size_t>(bucket)];
  series.value += value;
  ++series.count;
}

void Metrics::time(const std::string& name, double seconds, const MetricLabels& labels) {
  observe(name, kSeconds, seconds, labels);
}

void Metrics::size(const std::string& name, double number) { observe(name, kSizes, number, {}); }

std::string Metrics::text() const {
  static constexpr const char* kTypes[] = {"counter", "gauge", "histogram"};
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& [name, family] : families_) {
    text += concat("# TYPE ", name, " ", kTypes[static_cast<size_t>(family.type)], "\n");
    for (const auto& [labels, series] : family.series) {
      if (family.type != Type::kHistogram) {
        text += with_labels(name, labels) + " " + number_text(series.value) + "\n";
        continue;
      }
      uint64_t below = 0;
      for (size_t i = 0; i < series.buckets.size(); ++i) {
        below += series.buckets[i];
        text += concat(with_labels(name + "_bucket", labels,
                                   "le=\"" + number_text((*family.bounds)[i]) + "\""),
                       " ", below, "\n");
      }
      text += concat(with_labels(name + "_bucket", labels, "le=\"+Inf\""), " ", series.count, "\n",
                     with_labels(name + "_sum", labels), " ", number_text(series.value), "\n",
                     with_labels(name + "_count", labels), " ", series.count, "\n");
    }
  }
  return text;
}

}  // namespace pals
