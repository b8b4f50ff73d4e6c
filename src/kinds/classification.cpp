// Classification: a text or pair, and one of several labels.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "kinds/choosing.h"
#include "kinds/kind.h"
#include "kinds/row_reading.h"
#include "kinds/tsv_text.h"

namespace pals {
namespace {

class Classification : public Kind {
 public:
  const std::vector<Metric>& metrics() const override {
    static const std::vector<Metric> all = {Metric::kAccuracy, Metric::kF1, Metric::kMatthews,
                                            Metric::kMacroF1};
    return all;
  }
  std::vector<Metric> usual_metrics(const Task& /*task*/) const override {
    return {Metric::kAccuracy};
  }
  std::string metric_problem(Metric metric, const Task& task) const override {
    if (metric != Metric::kF1 || task.labels.size() == 2) return "";
    return concat("the metric \"f1\" needs exactly 2 labels (the second is the positive one), the ",
                  "task has ", task.labels.size(), "; use macro_f1, accuracy or matthews");
  }
  const std::vector<std::string>& keys() const override {
    static const std::vector<std::string> own = {"labels", "label_scale"};
    return own;
  }
  void read_keys(const Json& object, const std::string& where, Task& task) const override {
    if (object.contains("labels")) task.labels = labels_from_json(object["labels"], where);
    if (object.contains("label_scale")) {
      fail_usage(where, ": \"label_scale\" is for regressions only");
    }
  }
  void write_keys(const Task& task, Json& object) const override { object["labels"] = task.labels; }
  bool has_labels() const override { return true; }
  LabelRule label_rule() const override { return LabelRule::kOne; }
  std::vector<std::string> find_labels(const Task& task, const DataFile& file,
                                       std::string_view bytes, const std::string& where,
                                       RowWatch* watch) const override {
    return labels_in_rows(task, file, bytes, where, watch);
  }

  ExampleSet read(const Task& task, const DataFile& file, std::string_view bytes,
                  const std::string& where, RowWatch* watch) const override {
    const LabelTable classes(task.labels);
    std::vector<int64_t> counts(task.labels.size());
    const auto class_of = [&](const TextRow& row, const RowPlace& place) {
      if (const std::optional<size_t> found = classes.find(row.label)) {
        ++counts[*found];
        return std::vector<float>{static_cast<float>(*found)};
      }
      fail(place.position(), ": unknown label ", quote(row.label), " for task ", quote(task.name),
           " (labels: ", quote_list(task.labels), ")", did_you_mean(row.label, task.labels),
           place.hint(row.label));
    };
    ExampleSet set = read_rows(file, bytes, where, class_of, nullptr, watch);
    if (file.is_training()) {
      for (std::string& note : label_notes(task.labels, counts)) {
        set.notes.push_back(std::move(note));
      }
    }
    return set;
  }
  void check_features(const FeatureSet& features, int64_t num_outputs) const override {
    check_single_rows(features);
    for (int64_t e = 0; e < features.num_examples(); ++e) {
      check_choice(features.targets_of(e), e, num_outputs);
    }
  }

  ForeignHead foreign_head() const override { return ForeignHead::kClasses; }
  int64_t num_outputs(const Task& task) const override {
    return static_cast<int64_t>(task.labels.size());
  }
  LossLayout loss_layout(const PackedBatch& batch, const Segment& segment,
                         int64_t num_outputs) const override {
    LossLayout layout;
    layout.num_logits = (segment.last_row - segment.first_row) * num_outputs;
    for_each_example(batch, segment, [&](std::span<const float> targets, int64_t row, int64_t) {
      layout.groups.push_back(
          {row * num_outputs, num_outputs, 1, chosen_of(targets, num_outputs, "classes"), 1.0});
      layout.end_example();
    });
    return layout;
  }
  bool learns_from_teacher() const override { return true; }
  void add_teacher(const PackedBatch& batch, const Segment& segment,
                   LossLayout& layout) const override {
    add_choosing_teacher(batch, segment, layout);
  }
  std::vector<float> random_targets(const Task& task, int64_t /*row_length*/,
                                    Random& random) const override {
    const auto classes = static_cast<uint64_t>(std::max<int64_t>(1, num_outputs(task)));
    return {static_cast<float>(random.below(classes))};
  }

  Prediction decode_example(const Task& /*task*/, std::span<const float> logits) const override {
    return choose_likeliest(logits);
  }
  Measures measure(const Task& task, const DecodedFile& file) const override {
    return measure_labels(task, file);
  }
  AnalysisForm analysis_form() const override { return AnalysisForm::kChoice; }
  DevRow dev_row(const Task& task, const DecodedFile& file, int64_t number) const override {
    const auto name = [&](int64_t label) { return task.labels.at(static_cast<size_t>(label)); };
    const auto target = static_cast<int64_t>(file.features.targets_of(number).front());
    return {.gold = name(target),
            .prediction = name(file.predictions[static_cast<size_t>(number)].label)};
  }
  OrderedJson to_json(const Task& task, const Prediction& prediction) const override {
    OrderedJson probabilities;
    for (size_t i = 0; i < task.labels.size(); ++i) {
      probabilities[task.labels[i]] = prediction.probabilities[i];
    }
    return {{"label", task.labels[static_cast<size_t>(prediction.label)]},
            {"probabilities", std::move(probabilities)}};
  }
  OrderedJson to_scores(const Task& task, const Prediction& prediction, bool raw) const override {
    return label_scores(task.labels, prediction, raw);
  }
  std::vector<std::string> field_names() const override { return {"label", "probability"}; }
  std::vector<std::string> fields(const Task& task, const Prediction& prediction) const override {
    const auto label = static_cast<size_t>(prediction.label);
    return {tsv_text(task.labels[label]), format_double(prediction.probabilities[label], 4)};
  }
  std::string submitted(const Task& task, const Prediction& prediction) const override {
    return task.labels[static_cast<size_t>(prediction.label)];
  }
};

}  // namespace

const Kind& classification_kind() {
  static const Classification kind;
  return kind;
}

}  // namespace pals
