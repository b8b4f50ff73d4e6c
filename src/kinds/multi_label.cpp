// Multi-label: a text or pair, and any number of labels, none too.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "eval/multi_label_metrics.h"
#include "kinds/choosing.h"
#include "kinds/kind.h"
#include "kinds/label_rows.h"
#include "kinds/row_reading.h"
#include "kinds/tsv_text.h"
#include "tasks/json_values.h"

namespace pals {
namespace {

constexpr const char* kTuned = "tuned";

const MultiLabelSettings& label_settings_of(const Task& task) {
  return task.settings.get<MultiLabelSettings>();
}

double threshold_of(const Task& task, size_t label) {
  const std::vector<double>& thresholds = label_settings_of(task).thresholds;
  return thresholds.size() == 1 ? thresholds.front() : thresholds[label];
}

// A text has the labels whose probability is above.
double threshold_from(const Json& value, const std::string& where) {
  return number_of(value, "threshold", 0.0, 1.0, where);
}

// {"label": number} for each label.
std::vector<double> own_thresholds(const Json& value, const std::vector<std::string>& labels,
                                   const std::string& where) {
  if (labels.empty()) {
    fail_usage(where, ": a \"threshold\" for each label needs \"labels\", which lists them");
  }
  std::vector<double> thresholds;
  for (const std::string& label : labels) {
    if (!value.contains(label)) {
      fail_usage(where, ": \"threshold\" has none for the label ", quote(label));
    }
    thresholds.push_back(threshold_from(value[label], where));
  }
  for (const auto& [name, threshold] : value.items()) {
    if (std::ranges::find(labels, name) == labels.end()) {
      fail_usage(where, ": \"threshold\" has one for ", quote(name), ", which is no label",
                 did_you_mean(name, labels));
    }
  }
  return thresholds;
}

void read_threshold(const Json& value, const std::vector<std::string>& labels,
                    const std::string& where, MultiLabelSettings& settings) {
  if (value.is_number()) {
    settings.thresholds = {threshold_from(value, where)};
  } else if (value.is_object()) {
    settings.thresholds = own_thresholds(value, labels, where);
  } else if (value == kTuned) {
    settings.tuned = true;
  } else {
    fail_usage(where, ": \"threshold\" is ", quote(json_text(value, -1)), ", want a number from 0 ",
               "to 1, an object with one for each label, or \"tuned\"");
  }
}

class MultiLabel : public Kind {
 public:
  const std::vector<Metric>& metrics() const override {
    static const std::vector<Metric> all = {Metric::kMicroF1, Metric::kMacroF1,
                                            Metric::kSubsetAccuracy, Metric::kMap};
    return all;
  }
  std::vector<Metric> usual_metrics(const Task& /*task*/) const override {
    return {Metric::kMicroF1, Metric::kMacroF1};
  }
  const std::vector<std::string>& keys() const override {
    static const std::vector<std::string> own = {"labels", "label_separator", "threshold"};
    return own;
  }
  void read_keys(const Json& object, const std::string& where, Task& task) const override {
    MultiLabelSettings settings;
    if (object.contains("labels")) task.labels = labels_from_json(object["labels"], where);
    if (object.contains("label_separator")) {
      settings.separator = string_of(object["label_separator"], "label_separator", where);
      if (settings.separator.empty()) fail_usage(where, ": \"label_separator\" is empty");
    }
    if (object.contains("threshold")) {
      read_threshold(object["threshold"], task.labels, where, settings);
    }
    task.settings = settings;
  }
  void write_keys(const Task& task, Json& object) const override {
    const MultiLabelSettings& settings = label_settings_of(task);
    object["labels"] = task.labels;
    if (!settings.separator.empty()) object["label_separator"] = settings.separator;
    Json& threshold = object["threshold"];
    if (settings.tuned) {
      threshold = kTuned;
    } else if (settings.thresholds.size() == 1) {
      threshold = settings.thresholds.front();
    } else {
      for (size_t i = 0; i < task.labels.size(); ++i) {
        threshold[task.labels[i]] = settings.thresholds[i];
      }
    }
  }
  FileLayout file_layout() const override { return {.label_columns = "label_columns"}; }
  bool has_labels() const override { return true; }
  LabelRule label_rule() const override { return LabelRule::kAny; }
  std::string problem(const Task& task) const override {
    for (const DataFile& file : task.files) {
      const std::string here = concat("the file ", quote(file.split), " ");
      if (file.label && file.format != FileFormat::kJsonl && !is_separated(task, file)) {
        return here +
               "has its labels in one column; add \"label_separator\", such as \",\", or give "
               "\"label_columns\" of 0 and 1";
      }
      if (!file.unlabelled.empty() && !is_separated(task, file)) {
        return here +
               "has labels in a list, of which an empty one is a row; \"unlabelled\" is for "
               "those in one column";
      }
      if (!file.label_columns.empty() && file.label_columns.size() != task.labels.size()) {
        return concat(here, "has ", file.label_columns.size(), " \"label_columns\", but the task ",
                      counted(std::ssize(task.labels), "label"));
      }
    }
    const bool has_dev = task.files.empty() || !files_of(task, "dev").empty();  // or needs no data
    if (label_settings_of(task).tuned && !has_dev) {
      return "\"threshold\": \"tuned\" needs a \"dev\" file to choose by";
    }
    return "";
  }
  std::vector<std::string> find_labels(const Task& task, const DataFile& file,
                                       std::string_view bytes, const std::string& where,
                                       RowWatch* watch) const override {
    return labels_in_label_rows(task, file, bytes, where, watch);
  }

  ExampleSet read(const Task& task, const DataFile& file, std::string_view bytes,
                  const std::string& where, RowWatch* watch) const override {
    return read_label_rows(task, file, bytes, where, watch);
  }
  std::vector<size_t> labels_of(const Example& example) const override {
    std::vector<size_t> labels;
    for (size_t label = 0; label < example.targets.size(); ++label) {
      if (example.targets[label] != 0.0F) labels.push_back(label);
    }
    return labels;
  }
  // Thresholds come after the features.
  Json encoding_keys(const Task& task) const override {
    return {task.labels, label_settings_of(task).separator};
  }
  void check_features(const FeatureSet& features, int64_t num_outputs) const override {
    check_single_rows(features);
    for (int64_t e = 0; e < features.num_examples(); ++e) {
      const std::span<const float> targets = features.targets_of(e);
      if (targets.empty()) continue;
      const bool bits =
          std::ranges::all_of(targets, [](float bit) { return bit == 0.0F || bit == 1.0F; });
      if (static_cast<int64_t>(targets.size()) != num_outputs || !bits) {
        fail("example ", e, " has no 0 or 1 for each label");
      }
    }
  }

  ForeignHead foreign_head() const override { return ForeignHead::kLabelSet; }
  int64_t num_outputs(const Task& task) const override {
    return static_cast<int64_t>(task.labels.size());
  }
  // The mean over the labels. An example without targets has no loss.
  LossLayout loss_layout(const PackedBatch& batch, const Segment& segment,
                         int64_t num_outputs) const override {
    LossLayout layout{.function = LossFunction::kBinaryCrossEntropy};
    layout.num_logits = (segment.last_row - segment.first_row) * num_outputs;
    const auto width = static_cast<size_t>(num_outputs);
    for_each_example(batch, segment, [&](std::span<const float> targets, int64_t, int64_t) {
      if (!targets.empty() && targets.size() != width) {
        throw std::logic_error(concat(targets.size(), " targets of ", width, " labels"));
      }
      layout.values.insert(layout.values.end(), targets.begin(), targets.end());
      layout.values.resize(layout.weights.size() + width);
      layout.weights.resize(layout.values.size(),
                            targets.empty() ? 0.0 : 1.0 / static_cast<double>(width));
      for (int64_t label = 0; label < num_outputs; ++label) layout.classes.push_back(label);
    });
    return layout;
  }
  bool learns_from_teacher() const override { return true; }
  void add_teacher(const PackedBatch& batch, const Segment& segment,
                   LossLayout& layout) const override {
    add_value_teacher(
        batch, segment, [](double logit) { return 1.0 / (1.0 + std::exp(-logit)); }, layout);
  }
  std::vector<float> random_targets(const Task& task, int64_t /*row_length*/,
                                    Random& random) const override {
    std::vector<float> targets(task.labels.size());
    for (float& target : targets) target = static_cast<float>(random.below(2));
    return targets;
  }

  Prediction decode_example(const Task& task, std::span<const float> logits) const override {
    Prediction prediction;
    prediction.logits.assign(logits.begin(), logits.end());
    for (size_t label = 0; label < logits.size(); ++label) {
      const double probability = 1.0 / (1.0 + std::exp(-static_cast<double>(logits[label])));
      prediction.probabilities.push_back(probability);
      if (probability > threshold_of(task, label)) {
        prediction.labels.push_back(static_cast<int32_t>(label));
      }
    }
    return prediction;
  }
  Task tuned(const Task& task, const std::vector<DecodedFile>& files) const override {
    if (!label_settings_of(task).tuned) return task;
    MultiLabelSettings settings = label_settings_of(task);
    settings.tuned = false;
    settings.thresholds.clear();
    for (size_t label = 0; label < task.labels.size(); ++label) {
      std::vector<uint8_t> bits;
      std::vector<double> scores;
      for (const DecodedFile& file : files) {
        for (int64_t e = 0; e < file.features.num_examples(); ++e) {
          const std::span<const float> targets = file.features.targets_of(e);
          if (targets.empty()) continue;
          bits.push_back(targets[label] != 0.0F ? 1 : 0);
          scores.push_back(file.predictions[static_cast<size_t>(e)].probabilities[label]);
        }
      }
      settings.thresholds.push_back(best_threshold(bits, scores));
    }
    Task chosen = task;
    chosen.settings = settings;
    return chosen;
  }
  Task settled(const Task& task, const Task& saved) const override {
    if (!label_settings_of(task).tuned) return task;
    MultiLabelSettings settings = label_settings_of(task);
    settings.tuned = false;
    settings.thresholds = label_settings_of(saved).thresholds;
    if (settings.thresholds.size() > 1) {
      settings.thresholds.clear();
      for (const std::string& label : task.labels) {
        const auto place = std::ranges::find(saved.labels, label) - saved.labels.begin();
        settings.thresholds.push_back(threshold_of(saved, static_cast<size_t>(place)));
      }
    }
    Task settled = task;
    settled.settings = settings;
    return settled;
  }
  Measures measure(const Task& task, const DecodedFile& file) const override {
    const int64_t width = num_outputs(task);
    std::vector<uint8_t> labels, predicted;
    std::vector<double> scores;
    for (int64_t e = 0; e < file.features.num_examples(); ++e) {
      const std::span<const float> targets = file.features.targets_of(e);
      const Prediction& prediction = file.predictions[static_cast<size_t>(e)];
      for (size_t label = 0; label < task.labels.size(); ++label) {
        labels.push_back(!targets.empty() && targets[label] != 0.0F ? 1 : 0);
        predicted.push_back(0);
      }
      for (const int32_t label : prediction.labels) {
        predicted[predicted.size() - task.labels.size() + static_cast<size_t>(label)] = 1;
      }
      scores.insert(scores.end(), prediction.probabilities.begin(), prediction.probabilities.end());
    }
    Measures measures{{}, file.features.num_examples()};
    for (const Metric metric : task.metrics) {
      measures.values.push_back(metric == Metric::kMicroF1   ? micro_f1(labels, predicted, width)
                                : metric == Metric::kMacroF1 ? macro_f1(labels, predicted, width)
                                : metric == Metric::kSubsetAccuracy
                                    ? subset_accuracy(labels, predicted, width)
                                    : mean_average_precision(labels, scores, width));
    }
    return measures;
  }
  AnalysisForm analysis_form() const override { return AnalysisForm::kLabelSet; }
  DevRow dev_row(const Task& task, const DecodedFile& file, int64_t number) const override {
    Json gold = Json::array();
    const std::span<const float> targets = file.features.targets_of(number);
    for (size_t label = 0; label < targets.size(); ++label) {
      if (targets[label] != 0.0F) gold.push_back(task.labels[label]);
    }
    return {.gold = std::move(gold),
            .prediction = names_of(task, file.predictions[static_cast<size_t>(number)])};
  }

  OrderedJson to_json(const Task& task, const Prediction& prediction) const override {
    OrderedJson probabilities;
    for (size_t i = 0; i < task.labels.size(); ++i) {
      probabilities[task.labels[i]] = prediction.probabilities[i];
    }
    return {{"labels", names_of(task, prediction)}, {"probabilities", std::move(probabilities)}};
  }
  OrderedJson to_scores(const Task& task, const Prediction& prediction, bool raw) const override {
    return label_scores(task.labels, prediction, raw);
  }
  std::vector<std::string> field_names() const override { return {"labels", "probabilities"}; }
  // Of all labels, in their order.
  std::vector<std::string> fields(const Task& task, const Prediction& prediction) const override {
    std::vector<std::string> probabilities;
    for (const double probability : prediction.probabilities) {
      probabilities.push_back(format_double(probability, 4));
    }
    return {labels_field(task, prediction), join(probabilities, ",")};
  }

 private:
  // With the separator between; a JSON list where it is a part of one of the task's labels.
  static std::string labels_field(const Task& task, const Prediction& prediction) {
    const std::string& own = label_settings_of(task).separator;
    const std::string separator = own.empty() ? "," : tsv_text(own);
    const std::vector<std::string> names = names_of(task, prediction);
    const bool ambiguous = std::ranges::any_of(task.labels, [&](const std::string& label) {
      return tsv_text(label).find(separator) != std::string::npos;
    });
    if (ambiguous) return json_text(Json(names), -1);
    std::vector<std::string> labels;
    for (const std::string& name : names) labels.push_back(tsv_text(name));
    return join(labels, separator);
  }
  static std::vector<std::string> names_of(const Task& task, const Prediction& prediction) {
    std::vector<std::string> names;
    for (const int32_t label : prediction.labels) {
      names.push_back(task.labels[static_cast<size_t>(label)]);
    }
    return names;
  }
};

}  // namespace

const Kind& multi_label_kind() {
  static const MultiLabel kind;
  return kind;
}

}  // namespace pals
