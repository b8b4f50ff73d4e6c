#include "predict/label_rules.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "base/text_util.h"
#include "kinds/kind.h"
#include "kinds/tsv_text.h"

namespace pals {
namespace {

/// Places of the likeliest labels.
std::vector<size_t> likeliest(const Prediction& prediction, int64_t count) {
  std::vector<size_t> order(prediction.probabilities.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::ranges::greater(),
                           [&](size_t label) { return prediction.probabilities[label]; });
  if (static_cast<int64_t>(order.size()) > count) order.resize(static_cast<size_t>(count));
  return order;
}

bool has_any(const Task& task) { return kind_of(task).label_rule() == LabelRule::kAny; }

/// A multi-label prediction of those labels alone that are among the likeliest, in their order.
Prediction of_likeliest(const Prediction& prediction, int64_t count) {
  Prediction some = prediction;
  some.labels.clear();
  for (const size_t label : likeliest(prediction, count)) {
    const auto number = static_cast<int32_t>(label);
    if (std::ranges::find(prediction.labels, number) != prediction.labels.end()) {
      some.labels.push_back(number);
    }
  }
  return some;
}

}  // namespace

void check_label_rules(const LabelRules& rules, const std::vector<const Task*>& tasks) {
  for (const Task* task : tasks) {
    const LabelRule rule = kind_of(*task).label_rule();
    if (rules.top_k && rule == LabelRule::kNone) {
      fail_usage("--top_k: task ", quote(task->name), " is of the kind ", kind_name(task->kind),
                 "; expected a classification or multi-label task");
    }
    const bool two = rule == LabelRule::kOne && task->labels.size() == 2;
    if (rules.threshold && rule != LabelRule::kAny && !two) {
      fail_usage("--threshold: task ", quote(task->name), " is of the kind ", kind_name(task->kind),
                 rule == LabelRule::kOne
                     ? concat(" with ", counted(std::ssize(task->labels), "label"))
                     : "",
                 "; expected a multi-label task, or a classification with two labels");
    }
  }
}

void apply_threshold(const Task& task, double threshold, Prediction& prediction) {
  if (!has_any(task)) {
    prediction.label = prediction.probabilities.back() > threshold ? 1 : 0;
    return;
  }
  prediction.labels.clear();
  for (size_t label = 0; label < prediction.probabilities.size(); ++label) {
    if (prediction.probabilities[label] > threshold) {
      prediction.labels.push_back(static_cast<int32_t>(label));
    }
  }
}

OrderedJson top_json(const Task& task, const Prediction& prediction, const LabelRules& rules) {
  const int64_t count = rules.top_k.value();
  OrderedJson json =
      kind_of(task).to_json(task, has_any(task) ? of_likeliest(prediction, count) : prediction);
  OrderedJson probabilities;
  for (const size_t label : likeliest(prediction, count)) {
    probabilities[task.labels[label]] = prediction.probabilities[label];
  }
  json["probabilities"] = std::move(probabilities);
  return json;
}

std::vector<std::string> top_names(const Task& task, const LabelRules& rules) {
  std::vector<std::string> names = kind_of(task).field_names();
  if (has_any(task)) return names;
  const auto labels = static_cast<int64_t>(task.labels.size());
  for (int64_t i = 2; i <= std::min(rules.top_k.value(), labels); ++i) {
    names.push_back(concat("label_", i));
    names.push_back(concat("probability_", i));
  }
  if (rules.threshold) names.emplace_back("answer");
  return names;
}

std::vector<std::string> top_fields(const Task& task, const Prediction& prediction,
                                    const LabelRules& rules) {
  const int64_t count = rules.top_k.value();
  std::vector<std::string> fields;
  if (!has_any(task)) {
    for (const size_t label : likeliest(prediction, count)) {
      fields.push_back(tsv_text(task.labels[label]));
      fields.push_back(format_double(prediction.probabilities[label], 4));
    }
    if (rules.threshold) {
      fields.push_back(tsv_text(task.labels[static_cast<size_t>(prediction.label)]));
    }
    return fields;
  }
  const Prediction some = of_likeliest(prediction, count);
  std::vector<std::string> probabilities;
  for (const int32_t label : some.labels) {
    probabilities.push_back(format_double(prediction.probabilities[static_cast<size_t>(label)], 4));
  }
  return {kind_of(task).fields(task, some).front(), join(probabilities, ",")};
}

}  // namespace pals
