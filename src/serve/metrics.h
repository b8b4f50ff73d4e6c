// Counts and times for Prometheus.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace pals {

/// Label names and values: {{"method", "predict"}, {"task", "sst"}}.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

/// Any thread may call anything.
class Metrics {
 public:
  void count(const std::string& name, const MetricLabels& labels = {}, double by = 1.0);
  void set(const std::string& name, double value);
  /// A time in seconds.
  void time(const std::string& name, double seconds, const MetricLabels& labels = {});
  /// A number of things: tokens, texts.
  void size(const std::string& name, double number);

  /// Everything in Prometheus' text format, families by name.
  std::string text() const;

 private:
  enum class Type { kCounter, kGauge, kHistogram };
  struct Series {
    double value = 0.0;  ///< or the sum
    std::vector<uint64_t> buckets = {};
    uint64_t count = 0;
  };
  struct Family {
    Type type = Type::kCounter;
    const std::vector<double>* bounds = nullptr;
    std::map<std::string, Series> series = {};  ///< by the labels' text
  };

  void observe(const std::string& name, const std::vector<double>& bounds, double value,
               const MetricLabels& labels);

  mutable std::mutex mutex_;
  std::map<std::string, Family> families_;
};

}  // namespace pals
