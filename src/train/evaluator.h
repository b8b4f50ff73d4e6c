// Runs a model over whole development sets, in batches that mix tasks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/feature_store.h"
#include "dist/world.h"
#include "eval/scores.h"
#include "kinds/kind.h"
#include "model/model_folder.h"
#include "runlog/predictions.h"

namespace pals {

/// One file to evaluate on.
struct EvaluationSet {
  int task = 0;       ///< index into the model's tasks
  std::string split;  ///< "dev", "dev_matched", ...
  FeaturesPtr features;
};

/// What a model says of one evaluated set.
struct SetPredictions {
  EvaluationSet rows;
  std::vector<float> logits;
  std::vector<Prediction> predictions;
  size_t number = 0;  ///< among the sets that were evaluated

  DecodedFile decoded() const { return {*rows.features, logits, predictions}; }
};

/// What an evaluation finds.
struct Evaluation {
  std::vector<TaskScores> scores;            ///< of every task that has sets, in task order
  std::vector<SetPredictions> answers;       ///< of the sets whose kinds write files
  std::vector<TaskPredictions> predictions;  ///< of every task that has sets, in task order
  std::vector<Task> tasks;                   ///< the model's, as their kinds tuned them
};

/// Runs the sets, each rank its share of the batches; all ranks have the whole result.
Evaluation evaluate(const MultiTaskModel& model, const ModelDescription& description,
                    const Tokenizer& tokenizer, const std::vector<EvaluationSet>& sets,
                    int64_t batch_size, const World& world = {});

/// Writes the files of these sets into a folder, as their kinds do (answers to questions:
/// eval/answer_files.h). Names begin with the task's and the split's if there are several sets.
void write_answers(const std::string& folder, const std::vector<Task>& tasks,
                   const std::vector<SetPredictions>& sets);

}  // namespace pals
