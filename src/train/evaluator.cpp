#include "train/evaluator.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/progress.h"
#include "base/signal.h"
#include "data/loader.h"
#include "eval/answer_files.h"
#include "tasks/reader.h"

namespace pals {
namespace {

/// How many outputs the head gives for rows [0, row) of a set.
size_t outputs_before(const Head& head, const FeatureSet& features, int64_t row) {
  const int64_t places = head.reads_tokens() ? features.row_offsets[static_cast<size_t>(row)] : row;
  return static_cast<size_t>(places * head.num_outputs());
}

/// Copies the outputs of a segment's rows to where they belong.
void scatter(const EvaluationLoader& loader, const PackedBatch& batch, const Segment& segment,
             const Head& head, const at::Tensor& logits, const std::vector<EvaluationSet>& sets,
             RowOutputs& outputs) {
  const float* from = logits.const_data_ptr<float>();
  for (int64_t row = segment.first_row; row < segment.last_row; ++row) {
    const auto place = loader.row(batch.row_ids[static_cast<size_t>(row)]);
    const auto set = static_cast<size_t>(place.source);
    const FeatureSet& features = *sets[set].features;
    const size_t first = outputs_before(head, features, place.row);
    const size_t count = outputs_before(head, features, place.row + 1) - first;
    std::copy(from, from + count, outputs.logits[set].begin() + static_cast<std::ptrdiff_t>(first));
    from += count;
  }
}

int32_t argmax(std::span<const float> values) {
  return static_cast<int32_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

/// A label and the head's choice for each example: of its classes, or of the rows of a question.
void compare_labels(const FeatureSet& features, std::span<const float> logits,
                    SplitPredictions& split) {
  const size_t width =
      logits.size() / static_cast<size_t>(std::max<int64_t>(1, features.num_rows()));
  for (int64_t e = 0; e < features.num_examples(); ++e) {
    const auto first = static_cast<size_t>(features.first_row(e)) * width;
    const auto last = static_cast<size_t>(features.first_row(e + 1)) * width;
    split.labels.push_back(features.targets[static_cast<size_t>(e)].label);
    split.predictions.push_back(argmax(logits.subspan(first, last - first)));
  }
}

void compare_values(const FeatureSet& features, std::span<const float> logits,
                    SplitPredictions& split) {
  for (size_t e = 0; e < logits.size(); ++e) {
    split.label_values.push_back(features.targets[e].value);
    split.predicted_values.push_back(logits[e]);
  }
}

void compare_answers(const Task& task, const SetAnswers& set, SplitPredictions& split) {
  for (size_t q = 0; q < set.answers.size(); ++q) {
    std::vector<std::string> right;
    for (const Answer& answer : set.questions->questions[q].answers) right.push_back(answer.text);
    split.answers.push_back(score_answer(set.answers[q].text, right, task.span.unanswerable));
  }
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

RowOutputs run_rows(const MultiTaskModel& model, const std::vector<EvaluationSet>& sets,
                    int64_t batch_size, const std::string& label) {
  std::vector<EvaluationSource> sources;
  RowOutputs outputs;
  for (const EvaluationSet& set : sets) {
    sources.push_back({set.task, set.features});
    outputs.logits.emplace_back(
        outputs_before(model.head(set.task), *set.features, set.features->num_rows()));
    outputs.losses.push_back(0.0);
  }
  const EvaluationLoader loader(std::move(sources), batch_size);
  Progress progress(
      {.label = label, .unit = "rows", .total = static_cast<uint64_t>(loader.num_rows())});
  for (int64_t i = 0; i < loader.num_batches(); ++i) {
    if (stop_requested()) fail("stopped");
    const PackedBatch batch = loader.batch(i);
    const auto output = model.forward(batch);
    const std::vector<double> losses = model.example_losses(batch, output);
    for (size_t s = 0; s < batch.segments.size(); ++s) {
      const Segment& segment = batch.segments[s];
      scatter(loader, batch, segment, model.head(segment.task), output.logits[s], sets, outputs);
    }
    for (size_t g = 0; g < losses.size(); ++g) {
      const auto first_row = static_cast<size_t>(batch.group_offsets[g]);
      outputs.losses[static_cast<size_t>(loader.row(batch.row_ids[first_row]).source)] += losses[g];
    }
    progress.advance(static_cast<uint64_t>(batch.num_rows()));
  }
  for (size_t s = 0; s < sets.size(); ++s) {
    outputs.losses[s] /=
        static_cast<double>(std::max<int64_t>(1, sets[s].features->num_examples()));
  }
  return outputs;
}

Evaluation evaluate(const MultiTaskModel& model, const ModelDescription& description,
                    const Tokenizer& tokenizer, const std::vector<EvaluationSet>& sets,
                    int64_t batch_size) {
  const RowOutputs outputs = run_rows(model, sets, batch_size, "evaluate");
  Evaluation evaluation;
  for (size_t number = 0; number < description.tasks.size(); ++number) {
    const Task& task = description.tasks[number];
    std::vector<SplitPredictions> splits;
    for (size_t s = 0; s < sets.size(); ++s) {
      if (sets[s].task != static_cast<int>(number)) continue;
      const FeatureSet& features = *sets[s].features;
      SplitPredictions split;
      split.split = sets[s].split;
      split.loss = outputs.losses[s];
      if (task.kind == TaskKind::kRegression) {
        compare_values(features, outputs.logits[s], split);
      } else if (task.kind == TaskKind::kSpan) {
        evaluation.answers.push_back(
            {sets[s].task, sets[s].split, sets[s].questions,
             choose_answers(*sets[s].questions, features, outputs.logits[s], tokenizer, task.span,
                            description.max_seq_length)});
        compare_answers(task, evaluation.answers.back(), split);
      } else {
        compare_labels(features, outputs.logits[s], split);
      }
      splits.push_back(std::move(split));
    }
    if (!splits.empty()) evaluation.scores.push_back(score_task(task, splits));
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
