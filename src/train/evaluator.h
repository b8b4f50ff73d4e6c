// Runs a model over whole development sets, in batches that mix tasks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/feature_store.h"
#include "dist/world.h"
#include "eval/answers.h"
#include "eval/scores.h"
#include "model/model_folder.h"
#include "runlog/predictions.h"

namespace pals {

/// One file to evaluate on.
struct EvaluationSet {
  int task = 0;       ///< index into the model's tasks
  std::string split;  ///< "dev", "dev_matched", ...
  FeaturesPtr features;
  std::shared_ptr<const QuestionSet> questions = {};  ///< of a span task
};

/// The set of a file whose features are at hand; reads the questions of a span task's file.
EvaluationSet make_evaluation_set(const std::vector<Task>& tasks, int task, const DataFile& file,
                                  const std::string& data_dir, FeaturesPtr features);

/// The answers to the questions of one evaluated set.
struct SetAnswers {
  int task = 0;
  std::string split;
  std::shared_ptr<const QuestionSet> questions;
  std::vector<PredictedAnswer> answers;
};

/// What an evaluation finds.
struct Evaluation {
  std::vector<TaskScores> scores;            ///< of every task that has sets, in task order
  std::vector<SetAnswers> answers;           ///< of the sets of span tasks
  std::vector<TaskPredictions> predictions;  ///< of every task that has sets, in task order
};

/// Runs the sets, each rank its share of the batches; all ranks have the whole result.
Evaluation evaluate(const MultiTaskModel& model, const ModelDescription& description,
                    const Tokenizer& tokenizer, const std::vector<EvaluationSet>& sets,
                    int64_t batch_size, const World& world = {});

/// Writes the answers' files (eval/answer_files.h) into a folder. Their names begin with the task's
/// and the split's if there are several sets.
void write_answers(const std::string& folder, const std::vector<Task>& tasks,
                   const std::vector<SetAnswers>& sets);

}  // namespace pals
