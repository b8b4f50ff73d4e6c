#include "predict/predictor.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text_util.h"
#include "eval/scores.h"
#include "model/row_outputs.h"

namespace pals {
namespace {

std::vector<std::string> names_of(const std::vector<Task>& tasks) {
  std::vector<std::string> names;
  for (const Task& task : tasks) names.push_back(task.name);
  return names;
}

OrderedJson answer_to_json(const Task& task, const PredictedAnswer& answer) {
  OrderedJson json = {
      {"answer", answer.text}, {"probability", answer.probability}, {"score", answer.score}};
  if (task.span.unanswerable) json["null_odds"] = answer.null_odds;
  return json;
}

}  // namespace

std::string tsv_text(std::string text) {
  for (char& c : text) {
    if (c == '\t' || c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

Prediction make_prediction(const Task& task, std::span<const float> logits) {
  Prediction prediction;
  if (task.kind == TaskKind::kRegression) {
    prediction.value = reported_value(task, static_cast<double>(logits.front()));
    return prediction;
  }
  const auto best = std::ranges::max_element(logits);
  prediction.label = static_cast<int32_t>(best - logits.begin());
  double sum = 0.0;
  for (const float logit : logits) {
    prediction.probabilities.push_back(std::exp(static_cast<double>(logit) - *best));
    sum += prediction.probabilities.back();
  }
  for (double& probability : prediction.probabilities) probability /= sum;
  return prediction;
}

OrderedJson prediction_to_json(const Task& task, const Prediction& prediction) {
  if (task.kind == TaskKind::kRegression) return {{"value", prediction.value}};
  if (task.kind == TaskKind::kSpan) return answer_to_json(task, prediction.answer);
  if (task.kind == TaskKind::kMultipleChoice) {
    return {{"choice", prediction.label}, {"probabilities", prediction.probabilities}};
  }
  OrderedJson probabilities;
  for (size_t i = 0; i < task.labels.size(); ++i) {
    probabilities[task.labels[i]] = prediction.probabilities[i];
  }
  return {{"label", task.labels[static_cast<size_t>(prediction.label)]},
          {"probabilities", std::move(probabilities)}};
}

std::string prediction_to_tsv(const Task& task, const Prediction& prediction) {
  if (task.kind == TaskKind::kRegression) return format_double(prediction.value, 4);
  if (task.kind == TaskKind::kSpan) {
    const PredictedAnswer& answer = prediction.answer;
    return concat(tsv_text(answer.text), "\t", format_double(answer.probability, 4), "\t",
                  format_double(answer.score, 4));
  }
  const auto label = static_cast<size_t>(prediction.label);
  const bool choice = task.kind == TaskKind::kMultipleChoice;
  return concat(choice ? std::to_string(label) : tsv_text(task.labels[label]), "\t",
                format_double(prediction.probabilities[label], 4));
}

std::string tsv_columns(const Task& task) {
  const std::string& name = task.name;
  switch (task.kind) {
    case TaskKind::kRegression:
      return name + ".value";
    case TaskKind::kSpan:
      return concat(name, ".answer\t", name, ".probability\t", name, ".score");
    case TaskKind::kMultipleChoice:
      return concat(name, ".choice\t", name, ".probability");
    case TaskKind::kClassification:
      break;
  }
  return concat(name, ".label\t", name, ".probability");
}

int find_task(const std::vector<Task>& tasks, const std::string& name, const std::string& flag) {
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (tasks[i].name == name) return static_cast<int>(i);
  }
  if (name.empty() && tasks.size() == 1) return 0;
  fail_usage(flag, ": ", name.empty() ? "missing" : concat("the model has no task ", quote(name)),
             "; its tasks: ", join(names_of(tasks), ", "));
}

std::vector<int> find_tasks(const std::vector<Task>& tasks, const std::string& names,
                            const std::string& flag) {
  std::vector<std::string> wanted;
  for (const std::string_view name : split(names, ',')) wanted.emplace_back(trim(name));
  if (names == "all") wanted = names_of(tasks);
  std::vector<int> found;
  for (const std::string& name : wanted) {
    const int task = find_task(tasks, name, flag);
    if (std::ranges::find(found, task) != found.end()) {
      fail_usage(flag, ": ", quote(name), " is named twice");
    }
    found.push_back(task);
  }
  return found;
}

std::vector<int> find_text_tasks(const std::vector<Task>& tasks, const std::string& names,
                                 const std::string& flag) {
  std::vector<int> found = find_tasks(tasks, names, flag);
  for (const int index : found) {
    const Task& task = tasks[static_cast<size_t>(index)];
    if (task.kind == TaskKind::kClassification || task.kind == TaskKind::kRegression) continue;
    fail_usage(flag, ": task ", quote(task.name), " is of the kind ", kind_name(task.kind),
               ", expected classification or regression");
  }
  return found;
}

std::vector<RowForm> Predictor::forms() const {
  std::vector<RowForm> forms;
  for (size_t place = 0; place < tasks_.size(); ++place) forms.push_back(row_form(task(place)));
  return forms;
}

std::vector<std::vector<float>> Predictor::run_heads(const Window& window) const {
  const MultiTaskModel& model = *loaded_.model;
  std::vector<std::vector<float>> outputs(tasks_.size());
  std::vector<EvaluationSource> sources;
  std::vector<std::vector<size_t>> readers;  // of each source: its task, and those that share it
  for (size_t place = 0; place < tasks_.size(); ++place) {
    const FeaturesPtr& features = window.features[place];
    const bool shares = model.pools_alike() && !model.head(tasks_[place]).reads_tokens();
    const auto same =
        shares ? std::ranges::find(sources, features, &EvaluationSource::features) : sources.end();
    const auto source = static_cast<size_t>(same - sources.begin());
    if (source == sources.size()) {
      sources.push_back({tasks_[place], features});
      readers.emplace_back();
    } else {
      outputs[place].resize(static_cast<size_t>(features->num_rows() * task(place).num_outputs()));
    }
    readers[source].push_back(place);
  }
  const auto read_pooled = [&](const EvaluationLoader& loader, const PackedBatch& batch,
                               const MultiTaskModel::Output& output) {
    for (size_t source = 0; source < sources.size(); ++source) {
      for (size_t reader = 1; reader < readers[source].size(); ++reader) {
        const size_t place = readers[source][reader];
        const at::Tensor logits = model.head_logits(tasks_[place], output.pooled).cpu();
        const auto width = static_cast<size_t>(logits.size(1));
        const float* from = logits.const_data_ptr<float>();
        for (size_t i = 0; i < batch.row_ids.size(); ++i) {
          const EvaluationLoader::Row row = loader.row(batch.row_ids[i]);
          if (static_cast<size_t>(row.source) != source) continue;
          std::copy_n(from + i * width, width,
                      outputs[place].data() + static_cast<size_t>(row.row) * width);
        }
      }
    }
  };
  auto run = run_rows(model, sources, batch_size_, read_pooled);
  for (size_t source = 0; source < sources.size(); ++source) {
    outputs[readers[source].front()] = std::move(run[source]);
  }
  return outputs;
}

std::vector<Prediction> Predictor::predict(const Window& window) const {
  const std::vector<std::vector<float>> outputs = run_heads(window);
  std::vector<Prediction> predictions(static_cast<size_t>(window.num_texts) * tasks_.size());
  for (size_t place = 0; place < tasks_.size(); ++place) {
    const Task& asked = task(place);
    const FeatureSet& features = *window.features[place];
    const std::span<const float> logits = outputs[place];
    Prediction* to = predictions.data() + place;
    if (asked.kind == TaskKind::kSpan) {
      for (PredictedAnswer& answer :
           choose_answers(window.questions, features, logits, *loaded_.tokenizer, asked.span,
                          loaded_.description.max_seq_length, at::get_num_threads())) {
        to->answer = std::move(answer);
        to += tasks_.size();
      }
      continue;
    }
    const auto width = static_cast<size_t>(asked.num_outputs());
    for (int64_t e = 0; e < features.num_examples(); ++e, to += tasks_.size()) {
      const auto first = static_cast<size_t>(features.first_row(e)) * width;
      const auto last = static_cast<size_t>(features.first_row(e + 1)) * width;
      *to = make_prediction(asked, logits.subspan(first, last - first));
    }
  }
  return predictions;
}

}  // namespace pals
