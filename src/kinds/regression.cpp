// Regression: a text or pair, and a value.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/text_util.h"
#include "eval/metrics.h"
#include "kinds/choosing.h"
#include "kinds/kind.h"
#include "kinds/row_reading.h"

namespace pals {
namespace {

constexpr double kLowestScore = 0.0, kHighestScore = 5.0;  // of STS-B

double scale_of(const Json& value, const std::string& where) {
  const double scale = value.is_number() ? value.get<double>() : 0.0;
  if (!std::isfinite(scale) || scale < 1e-6 || scale > 1e6) {
    fail_usage(where, ": \"label_scale\" is ", quote(json_text(value, -1)),
               ", want a number from 0.000001 to 1000000; values are divided by it");
  }
  return scale;
}

float value_of(const Task& task, std::string_view label, const RowPlace& place) {
  std::string_view digits = label;
  if (digits.starts_with('+') && !digits.starts_with("+-")) digits.remove_prefix(1);
  const std::optional<double> number = parse_double(digits);
  if (!number) {
    fail(place.position(), ": got ", quote(label), " as the value for task ", quote(task.name),
         ", want a number", place.hint(label));
  }
  const double value = *number / task.label_scale;
  if (!std::isfinite(value) || std::abs(value) > std::numeric_limits<float>::max()) {
    fail(place.position(), ": the value ", quote(label), " for task ", quote(task.name),
         " is not finite or too large", place.hint(label));
  }
  return static_cast<float>(value);
}

// The value of the data that became this target: the shortest decimal that does.
double value_of_target(double target, double scale) {
  const auto wanted = static_cast<float>(target);
  const double value = static_cast<double>(wanted) * scale;
  for (int digits = 0; digits < 8; ++digits) {
    const double shorter = parse_double(format_double(value, digits)).value_or(value);
    if (static_cast<float>(shorter / scale) == wanted) return shorter;
  }
  return without_float_noise(value);
}

double value_of(Metric metric, const std::vector<double>& values,
                const std::vector<double>& predicted, double scale) {
  switch (metric) {
    case Metric::kSpearman:
      return spearman_correlation(values, predicted);
    case Metric::kMae:
      return scale * mean_absolute_error(values, predicted);
    case Metric::kRmse:
      return scale * root_mean_squared_error(values, predicted);
    default:
      return pearson_correlation(values, predicted);
  }
}

class Regression : public Kind {
 public:
  const std::vector<Metric>& metrics() const override {
    static const std::vector<Metric> all = {Metric::kPearson, Metric::kSpearman, Metric::kMae,
                                            Metric::kRmse};
    return all;
  }
  std::vector<Metric> usual_metrics(const Task& /*task*/) const override {
    return {Metric::kPearson, Metric::kSpearman};
  }
  bool has_values() const override { return true; }
  // A value may well be another one the next time.
  bool text_decides() const override { return false; }
  const std::vector<std::string>& keys() const override {
    static const std::vector<std::string> own = {"labels", "label_scale"};
    return own;
  }
  void read_keys(const Json& object, const std::string& where, Task& task) const override {
    if (object.contains("labels")) {
      fail_usage(where, ": a regression has values, not labels; remove \"labels\"");
    }
    if (object.contains("label_scale")) task.label_scale = scale_of(object["label_scale"], where);
  }
  void write_keys(const Task& task, Json& object) const override {
    object["label_scale"] = task.label_scale;
  }

  ExampleSet read(const Task& task, const DataFile& file, std::string_view bytes,
                  const std::string& where, RowWatch* watch) const override {
    int64_t beyond = 0, first_beyond = 0;
    float largest = 1.0F;
    const auto target_of = [&](const TextRow& row, const RowPlace& place) {
      const float value = value_of(task, row.label, place);
      if (std::abs(value) > 1.0F && beyond++ == 0) first_beyond = place.line();
      if (std::abs(value) > std::abs(largest)) largest = value;
      return std::vector<float>{value};
    };
    ExampleSet set = read_rows(file, bytes, where, target_of, nullptr, watch);
    if (beyond > 0) {
      add_note(watch, first_beyond,
               concat(beyond, " of ", counted(std::ssize(set.examples), "value"),
                      beyond == 1 ? " is" : " are", " beyond \"label_scale\", which is ",
                      task.label_scale, "; the largest is ", largest * task.label_scale),
               set.notes);
    }
    return set;
  }
  void check_features(const FeatureSet& features, int64_t /*num_outputs*/) const override {
    check_single_rows(features);
    for (int64_t e = 0; e < features.num_examples(); ++e) {
      const std::span<const float> targets = features.targets_of(e);
      if (targets.empty()) continue;
      if (targets.size() > 1 || !std::isfinite(targets.front())) {
        fail("example ", e, " has no finite value");
      }
    }
  }

  ForeignHead foreign_head() const override { return ForeignHead::kClasses; }
  LossLayout loss_layout(const PackedBatch& batch, const Segment& segment,
                         int64_t /*num_outputs*/) const override {
    LossLayout layout{.function = LossFunction::kSquaredError};
    layout.num_logits = segment.last_row - segment.first_row;
    for_each_example(batch, segment, [&](std::span<const float> targets, int64_t, int64_t) {
      layout.values.push_back(targets.empty() ? 0.0 : static_cast<double>(targets.front()));
      layout.weights.push_back(1.0);
    });
    return layout;
  }
  bool learns_from_teacher() const override { return true; }
  void add_teacher(const PackedBatch& batch, const Segment& segment,
                   LossLayout& layout) const override {
    add_value_teacher(
        batch, segment, [](double logit) { return logit; }, layout);
  }
  std::vector<float> random_targets(const Task& /*task*/, int64_t /*row_length*/,
                                    Random& random) const override {
    return {static_cast<float>(random.uniform())};
  }

  Prediction decode_example(const Task& task, std::span<const float> logits) const override {
    Prediction prediction;
    prediction.value = static_cast<double>(logits.front()) * task.label_scale;
    return prediction;
  }
  // In the head's own units, so that the scale's rounding does not show in the metrics.
  Measures measure(const Task& task, const DecodedFile& file) const override {
    std::vector<double> values;
    for (int64_t e = 0; e < file.features.num_examples(); ++e) {
      const std::span<const float> targets = file.features.targets_of(e);
      values.push_back(targets.empty() ? 0.0 : static_cast<double>(targets.front()));
    }
    const std::vector<double> predicted(file.logits.begin(), file.logits.end());
    Measures measures{{}, static_cast<int64_t>(values.size())};
    for (const Metric metric : task.metrics) {
      measures.values.push_back(value_of(metric, values, predicted, task.label_scale));
    }
    return measures;
  }
  AnalysisForm analysis_form() const override { return AnalysisForm::kValue; }
  DevRow dev_row(const Task& task, const DecodedFile& file, int64_t number) const override {
    const auto target = static_cast<double>(file.features.targets_of(number).front());
    const double value = file.predictions[static_cast<size_t>(number)].value;
    return {.gold = value_of_target(target, task.label_scale),
            .prediction = without_float_noise(value)};
  }
  OrderedJson to_json(const Task& /*task*/, const Prediction& prediction) const override {
    return {{"value", prediction.value}};
  }
  OrderedJson to_scores(const Task& /*task*/, const Prediction& prediction,
                        bool /*raw*/) const override {
    OrderedJson scores = OrderedJson::array();
    scores.push_back({{"label", "value"}, {"score", prediction.value}});
    return scores;
  }
  std::vector<std::string> field_names() const override { return {"value"}; }
  std::vector<std::string> fields(const Task& /*task*/,
                                  const Prediction& prediction) const override {
    return {format_double(prediction.value, 4)};
  }
  std::string submitted(const Task& /*task*/, const Prediction& prediction) const override {
    return format_double(std::clamp(prediction.value, kLowestScore, kHighestScore), 3);
  }
};

}  // namespace

const Kind& regression_kind() {
  static const Regression kind;
  return kind;
}

}  // namespace pals
