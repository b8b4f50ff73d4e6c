#include "kinds/kind.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "base/error.h"

namespace pals {

// Each kind's file defines its row.
#define PALS_DECLARE_KIND(value, name) const Kind& name##_kind();
PALS_TASK_KINDS(PALS_DECLARE_KIND)
#undef PALS_DECLARE_KIND

const Kind& kind_of(TaskKind kind) {
#define PALS_KIND_ROW(value, name) &name##_kind(),
  static const std::array rows = {PALS_TASK_KINDS(PALS_KIND_ROW)};
#undef PALS_KIND_ROW
  return *rows.at(static_cast<size_t>(kind));
}

std::vector<std::string> kinds_of_flags() {
  std::vector<std::string> names;
  for (const Name<TaskKind>& kind : kTaskKinds) {
    if (kind_of(kind.value).usual_name() != nullptr) names.emplace_back(kind.text);
  }
  return names;
}

std::vector<std::string> kinds_with_teacher() {
  std::vector<std::string> names;
  for (const Name<TaskKind>& kind : kTaskKinds) {
    if (kind_of(kind.value).learns_from_teacher()) names.emplace_back(kind.text);
  }
  return names;
}

std::string Kind::metric_problem(Metric /*metric*/, const Task& /*task*/) const { return ""; }

std::optional<DataFile> Kind::usual_file(FileFormat /*format*/) const { return std::nullopt; }

std::string Kind::problem(const Task& /*task*/) const { return ""; }

std::vector<std::string> Kind::find_labels(const Task& /*task*/, const DataFile& /*file*/,
                                           std::string_view /*bytes*/, const std::string& /*where*/,
                                           RowWatch* /*watch*/) const {
  throw std::logic_error("find_labels: the kind has no labels");
}

Json Kind::usual_columns(const std::string& /*path*/) const {
  throw std::logic_error("usual_columns: the kind has no usual task");
}

std::vector<size_t> Kind::labels_of(const Example& example) const {
  std::vector<size_t> labels;
  for (const float target : example.targets) {
    if (target >= 0.0F) labels.push_back(static_cast<size_t>(target));
  }
  return labels;
}

std::vector<int64_t> Kind::class_counts(const Task& task, const ExampleSet& set) const {
  std::vector<int64_t> counts(task.labels.size());
  for (const Example& example : set.examples) {
    for (const size_t label : labels_of(example)) ++counts.at(label);
  }
  return counts;
}

std::optional<int64_t> Kind::count_examples(const ExampleSet& set) const {
  return static_cast<int64_t>(set.examples.size());
}

FeatureSet Kind::make_features(const Task& /*task*/, const ExampleSet& set, bool /*training*/,
                               const TextRules& rules, const Workers& workers) const {
  FeatureSet features = pals::make_features(set.examples, rules.tokenizer, rules.max_seq_length,
                                            workers.threads, workers.stop);
  features.skipped += set.skipped;
  features.notes = set.notes;
  return features;
}

Json Kind::encoding_keys(const Task& task) const {
  Json keys = Json::object();
  write_keys(task, keys);
  return keys;
}

void Kind::add_teacher(const PackedBatch& /*batch*/, const Segment& /*segment*/,
                       LossLayout& /*layout*/) const {
  throw std::logic_error("add_teacher: the kind does not learn from one");
}

std::optional<DataFile> Kind::input_columns(const Task& /*task*/) const { return std::nullopt; }

RowForm Kind::row_form(const Task& /*task*/) const { return {}; }

void Kind::encode(const RowForm& /*form*/, const Example& text, const TextRules& rules,
                  FeatureSet& features) const {
  features.end_row(encode_pair(rules.tokenizer, text.text_a, text.text_b, rules.max_seq_length,
                               features.token_ids, rules.truncation));
  features.end_example({});
}

std::vector<Prediction> Kind::decode(const Task& task, const FeatureSet& features,
                                     std::span<const float> logits, const TextRules& /*rules*/,
                                     int /*threads*/) const {
  const auto width = static_cast<size_t>(num_outputs(task));
  std::vector<Prediction> predictions;
  for (int64_t e = 0; e < features.num_examples(); ++e) {
    const auto first = static_cast<size_t>(features.first_row(e)) * width;
    const auto last = static_cast<size_t>(features.first_row(e + 1)) * width;
    predictions.push_back(decode_example(task, logits.subspan(first, last - first)));
  }
  return predictions;
}

Prediction Kind::decode_example(const Task& /*task*/, std::span<const float> /*logits*/) const {
  throw std::logic_error("decode_example: the kind decodes whole files");
}

Task Kind::tuned(const Task& task, const std::vector<DecodedFile>& /*files*/) const { return task; }

void Kind::write_files(const Task& /*task*/, const DecodedFile& /*file*/,
                       const std::string& /*prefix*/) const {}

OrderedJson Kind::to_scores(const Task& task, const Prediction& prediction, bool /*raw*/) const {
  return to_json(task, prediction);
}

std::string Kind::submitted(const Task& task, const Prediction& /*prediction*/) const {
  throw std::logic_error("submitted: GLUE has no test set for " + task.name);
}

std::vector<std::string> output_names(const Task& task) {
  return kind_of(task).outputs_are_labels() ? task.labels : std::vector<std::string>();
}

std::string metric_problem(Metric metric, const Task& task) {
  const std::vector<Metric>& possible = kind_of(task).metrics();
  if (std::find(possible.begin(), possible.end(), metric) != possible.end()) {
    return kind_of(task).metric_problem(metric, task);
  }
  std::string message = concat("the metric \"", metric_name(metric), "\" is not for the kind ",
                               kind_name(task.kind), "; use");
  for (const Metric other : possible) message += concat(" ", metric_name(other));
  return message;
}

void check_metrics(const Task& task) {
  if (task.metrics.empty()) fail("task ", task.name, ": it has no metric to be evaluated by");
  for (const Metric metric : task.metrics) {
    const std::string problem = metric_problem(metric, task);
    if (!problem.empty()) fail("task ", task.name, ": ", problem);
  }
}

}  // namespace pals
