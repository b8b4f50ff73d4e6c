#include "train/evaluator.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/progress.h"
#include "eval/answer_files.h"
#include "model/model_runner.h"
#include "predict/run.h"
#include "tasks/reader.h"

namespace pals {
namespace {

int32_t argmax(std::span<const float> values) {
  return static_cast<int32_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

/// The softmax of an example's logits, to six places: what files keep.
std::vector<double> probabilities_of(std::span<const float> logits) {
  constexpr double kPlaces = 1e6;
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> values;
  double sum = 0.0;
  for (const float logit : logits) sum += values.emplace_back(std::exp(logit - largest));
  for (double& value : values) value = std::round(value / sum * kPlaces) / kPlaces;
  return values;
}

/// A label and the head's choice for each example: of its classes, or of the rows of a question.
void compare_labels(const Task& task, const FeatureSet& features, std::span<const float> logits,
                    SplitPredictions& split, std::vector<PredictionRecord>& rows) {
  const auto name = [&](int32_t label) {
    const auto index = static_cast<size_t>(label);
    return index < task.labels.size() ? Json(task.labels[index]) : Json(label);
  };
  const size_t width =
      logits.size() / static_cast<size_t>(std::max<int64_t>(1, features.num_rows()));
  for (int64_t e = 0; e < features.num_examples(); ++e) {
    const auto first = static_cast<size_t>(features.first_row(e)) * width;
    const auto last = static_cast<size_t>(features.first_row(e + 1)) * width;
    const std::span<const float> own = logits.subspan(first, last - first);
    split.labels.push_back(features.targets[static_cast<size_t>(e)].label);
    split.predictions.push_back(argmax(own));
    rows.push_back({.split = split.split,
                    .row = e,
                    .gold = name(split.labels.back()),
                    .prediction = name(split.predictions.back()),
                    .probabilities = probabilities_of(own)});
  }
}

void compare_values(const Task& task, const FeatureSet& features, std::span<const float> logits,
                    SplitPredictions& split, std::vector<PredictionRecord>& rows) {
  for (size_t e = 0; e < logits.size(); ++e) {
    split.label_values.push_back(features.targets[e].value);
    split.predicted_values.push_back(logits[e]);
    rows.push_back({.split = split.split,
                    .row = static_cast<int64_t>(e),
                    .gold = reported_value(task, split.label_values.back()),
                    .prediction = reported_value(task, split.predicted_values.back())});
  }
}

void compare_answers(const Task& task, const SetAnswers& set, SplitPredictions& split,
                     std::vector<PredictionRecord>& rows) {
  for (size_t q = 0; q < set.answers.size(); ++q) {
    const Question& question = set.questions->questions[q];
    std::vector<std::string> right;
    for (const Answer& answer : question.answers) right.push_back(answer.text);
    split.answers.push_back(score_answer(set.answers[q].text, right, task.span.unanswerable));
    rows.push_back({.split = split.split,
                    .row = static_cast<int64_t>(q),
                    .id = question.id,
                    .gold = right,
                    .prediction = set.answers[q].text,
                    .probability = set.answers[q].probability});
  }
}

/// The head's outputs for each row of the sets, and each set's loss, the mean over its examples.
struct SetOutputs {
  std::vector<Logits> logits;
  std::vector<double> losses;
};

SetOutputs run_sets(const MultiTaskModel& model, const std::vector<EvaluationSet>& sets,
                    int64_t batch_size, const World& world) {
  std::vector<AskedRows> sources;
  std::string sizes = concat("batches of ", batch_size, ":");
  int64_t rows = 0, done = 0;
  for (const EvaluationSet& set : sets) {
    sources.push_back({set.features, {set.task}});
    rows += set.features->num_rows();
    sizes += concat(" ", set.features->num_rows());
  }
  world.check_same("number of rows to evaluate", sizes);
  SetOutputs outputs;
  outputs.losses.resize(sets.size());
  Progress progress({.label = "evaluate", .unit = "rows", .total = static_cast<uint64_t>(rows)});
  const auto add_losses = [&](const EvaluationLoader& loader, const PackedBatch& batch,
                              const RunOutputs& output) {
    for (size_t g = 0; g < output.losses.size(); ++g) {
      const auto first_row = static_cast<size_t>(batch.group_offsets[g]);
      outputs.losses[static_cast<size_t>(loader.row(batch.row_ids[first_row]).source)] +=
          output.losses[g];
    }
    done = std::min(rows, done + batch.num_rows() * world.size());
    progress.update(static_cast<uint64_t>(done));
  };
  auto logits = run_rows(ModelRunner(model), sources,
                         {.batch_size = batch_size,
                          .stop = world.stop(),
                          .share = {.first = world.rank(), .stride = world.size()},
                          .losses = true,
                          .after_batch = add_losses});
  for (std::vector<Logits>& of_set : logits) outputs.logits.push_back(std::move(of_set.front()));
  // What a rank did not run is zero there.
  for (std::vector<float>& logits : outputs.logits) {
    world.sum(at::from_blob(logits.data(), {static_cast<int64_t>(logits.size())}, at::kFloat));
  }
  world.sum(at::from_blob(outputs.losses.data(), {static_cast<int64_t>(outputs.losses.size())},
                          at::kDouble));
  for (size_t s = 0; s < sets.size(); ++s) {
    outputs.losses[s] /=
        static_cast<double>(std::max<int64_t>(1, sets[s].features->num_examples()));
  }
  return outputs;
}

}  // namespace

EvaluationSet make_evaluation_set(const std::vector<Task>& tasks, int task, const DataFile& file,
                                  const std::string& data_dir, FeaturesPtr features) {
  EvaluationSet set{task, file.split, std::move(features)};
  const Task& evaluated = tasks[static_cast<size_t>(task)];
  if (evaluated.kind == TaskKind::kSpan) {
    set.questions =
        std::make_shared<const QuestionSet>(read_examples(evaluated, file, data_dir).questions);
  }
  return set;
}

Evaluation evaluate(const MultiTaskModel& model, const ModelDescription& description,
                    const Tokenizer& tokenizer, const std::vector<EvaluationSet>& sets,
                    int64_t batch_size, const World& world) {
  const SetOutputs outputs = run_sets(model, sets, batch_size, world);
  Evaluation evaluation;
  for (size_t number = 0; number < description.tasks.size(); ++number) {
    const Task& task = description.tasks[number];
    std::vector<SplitPredictions> splits;
    TaskPredictions predictions{
        .head = {.task = task.name, .kind = kind_name(task.kind), .labels = task.labels},
        .rows = {}};
    for (size_t s = 0; s < sets.size(); ++s) {
      if (sets[s].task != static_cast<int>(number)) continue;
      const FeatureSet& features = *sets[s].features;
      SplitPredictions split;
      split.split = sets[s].split;
      split.loss = outputs.losses[s];
      if (task.kind == TaskKind::kRegression) {
        compare_values(task, features, outputs.logits[s], split, predictions.rows);
      } else if (task.kind == TaskKind::kSpan) {
        evaluation.answers.push_back(
            {sets[s].task, sets[s].split, sets[s].questions,
             choose_answers(*sets[s].questions, features, outputs.logits[s], tokenizer, task.span,
                            description.max_seq_length)});
        compare_answers(task, evaluation.answers.back(), split, predictions.rows);
      } else {
        compare_labels(task, features, outputs.logits[s], split, predictions.rows);
      }
      splits.push_back(std::move(split));
    }
    if (splits.empty()) continue;
    evaluation.scores.push_back(score_task(task, splits));
    evaluation.predictions.push_back(std::move(predictions));
  }
  return evaluation;
}

void write_answers(const std::string& folder, const std::vector<Task>& tasks,
                   const std::vector<SetAnswers>& sets) {
  for (const SetAnswers& set : sets) {
    const Task& task = tasks[static_cast<size_t>(set.task)];
    const std::string prefix = sets.size() == 1 ? "" : concat(task.name, "_", set.split, "_");
    write_answer_files(folder, prefix, *set.questions, set.answers, task.span.unanswerable);
  }
}

}  // namespace pals
