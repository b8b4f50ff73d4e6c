#include "train/evaluator.h"

#include <algorithm>
#include <cmath>
#include <stop_token>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "kinds/kind.h"
#include "model/model_runner.h"
#include "predict/run.h"

namespace pals {
namespace {

/// Probabilities to six places: what files keep.
std::vector<double> rounded(std::vector<double> probabilities) {
  constexpr double kPlaces = 1e6;
  for (double& value : probabilities) value = std::round(value * kPlaces) / kPlaces;
  return probabilities;
}

/// What a file keeps of a set's first `examples` examples.
void append_records(const Task& task, const SetPredictions& set, int64_t examples,
                    std::vector<PredictionRecord>& records) {
  for (int64_t e = 0; e < examples; ++e) {
    DevRow row = kind_of(task).dev_row(task, set.decoded(), e);
    records.push_back(
        {.split = set.rows.split,
         .row = e,
         .id = std::move(row.id),
         .gold = std::move(row.gold),
         .prediction = std::move(row.prediction),
         .probabilities = rounded(set.predictions[static_cast<size_t>(e)].probabilities),
         .probability = row.probability});
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
                          // Many ranks agree on a stop at the next step.
                          .stop = world.alone() ? world.stop() : std::stop_token(),
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

/// The sets of one task and what the model says of each.
std::vector<SetPredictions> decode_sets(const Task& task, int number,
                                        const std::vector<EvaluationSet>& sets,
                                        const std::vector<Logits>& logits, const TextRules& rules) {
  std::vector<SetPredictions> decoded;
  for (size_t s = 0; s < sets.size(); ++s) {
    if (sets[s].task != number) continue;
    SetPredictions set{sets[s], logits[s], {}, s};
    set.predictions = kind_of(task).decode(task, *set.rows.features, set.logits, rules, 0);
    decoded.push_back(std::move(set));
  }
  return decoded;
}

Task tuned(const Task& task, const std::vector<SetPredictions>& sets) {
  std::vector<DecodedFile> files;
  for (const SetPredictions& set : sets) files.push_back(set.decoded());
  return kind_of(task).tuned(task, files);
}

}  // namespace

Evaluation evaluate(const MultiTaskModel& model, const ModelDescription& description,
                    const Tokenizer& tokenizer, const std::vector<EvaluationSet>& sets,
                    int64_t batch_size, const World& world) {
  const SetOutputs outputs = run_sets(model, sets, batch_size, world);
  const TextRules rules{tokenizer, description.max_seq_length};
  Evaluation evaluation;
  for (size_t number = 0; number < description.tasks.size(); ++number) {
    const int index = static_cast<int>(number);
    std::vector<SetPredictions> decoded =
        decode_sets(description.tasks[number], index, sets, outputs.logits, rules);
    evaluation.tasks.push_back(tuned(description.tasks[number], decoded));
    const Task& task = evaluation.tasks.back();
    if (task != description.tasks[number]) {
      decoded = decode_sets(task, index, sets, outputs.logits, rules);
    }
    std::vector<SplitScores> splits;
    TaskPredictions predictions{
        .head = {.task = task.name, .kind = kind_name(task.kind), .labels = task.labels},
        .rows = {}};
    for (SetPredictions& set : decoded) {
      Measures measures = kind_of(task).measure(task, set.decoded());
      splits.push_back({set.rows.split, std::move(measures.values), outputs.losses[set.number],
                        measures.examples});
      if (!measures.remark.empty() && world.first()) {
        log_info("task ", task.name, ", ", set.rows.split, ": ", measures.remark);
      }
      append_records(task, set, measures.examples, predictions.rows);
      if (kind_of(task).writes_files()) evaluation.answers.push_back(std::move(set));
    }
    if (splits.empty()) continue;
    evaluation.scores.push_back(score_task(task, splits));
    evaluation.predictions.push_back(std::move(predictions));
  }
  return evaluation;
}

void write_answers(const std::string& folder, const std::vector<Task>& tasks,
                   const std::vector<SetPredictions>& sets) {
  for (const SetPredictions& set : sets) {
    const Task& task = tasks[static_cast<size_t>(set.rows.task)];
    const std::string prefix = sets.size() == 1 ? "" : concat(task.name, "_", set.rows.split, "_");
    kind_of(task).write_files(task, set.decoded(), concat(folder, "/", prefix));
  }
}

}  // namespace pals
