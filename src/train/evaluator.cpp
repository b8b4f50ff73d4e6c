#include "train/evaluator.h"

#include <algorithm>

#include "base/error.h"
#include "base/progress.h"
#include "base/signal.h"
#include "data/loader.h"

namespace pals {

RowOutputs run_rows(const MultiTaskModel& model, const std::vector<EvaluationSet>& sets,
                    int64_t batch_size, const std::string& label) {
  std::vector<EvaluationSource> sources;
  RowOutputs outputs;
  for (const EvaluationSet& set : sets) {
    sources.push_back({set.task, set.features});
    const auto width = static_cast<size_t>(model.num_outputs(set.task));
    outputs.logits.emplace_back(static_cast<size_t>(set.features->num_rows()) * width);
    outputs.losses.push_back(0.0);
  }
  const EvaluationLoader loader(std::move(sources), batch_size);
  Progress progress(
      {.label = label, .unit = "rows", .total = static_cast<uint64_t>(loader.num_rows())});
  for (int64_t i = 0; i < loader.num_batches(); ++i) {
    if (stop_requested()) fail("stopped");
    const PackedBatch batch = loader.batch(i);
    const auto output = model.forward(batch);
    const std::vector<double> losses = model.row_losses(batch, output);
    for (size_t s = 0; s < batch.segments.size(); ++s) {
      const Segment& segment = batch.segments[s];
      const at::Tensor& logits = output.logits[s];
      const auto width = static_cast<size_t>(logits.size(1));
      for (int64_t row = segment.first_row; row < segment.last_row; ++row) {
        const auto place = loader.row(batch.row_ids[static_cast<size_t>(row)]);
        const float* from =
            logits.const_data_ptr<float>() + static_cast<size_t>(row - segment.first_row) * width;
        auto& values = outputs.logits[static_cast<size_t>(place.source)];
        std::copy(from, from + width,
                  values.begin() + static_cast<int64_t>(static_cast<size_t>(place.row) * width));
        outputs.losses[static_cast<size_t>(place.source)] += losses[static_cast<size_t>(row)];
      }
    }
    progress.advance(static_cast<uint64_t>(batch.num_rows()));
  }
  for (size_t s = 0; s < sets.size(); ++s) {
    outputs.losses[s] /= static_cast<double>(std::max<int64_t>(1, sets[s].features->num_rows()));
  }
  return outputs;
}

std::vector<TaskScores> evaluate(const MultiTaskModel& model, const std::vector<Task>& tasks,
                                 const std::vector<EvaluationSet>& sets, int64_t batch_size) {
  const RowOutputs outputs = run_rows(model, sets, batch_size, "evaluate");
  std::vector<TaskScores> scores;
  for (size_t task = 0; task < tasks.size(); ++task) {
    std::vector<SplitPredictions> splits;
    for (size_t s = 0; s < sets.size(); ++s) {
      if (sets[s].task != static_cast<int>(task)) continue;
      const FeatureSet& features = *sets[s].features;
      const std::vector<float>& logits = outputs.logits[s];
      SplitPredictions split;
      split.split = sets[s].split;
      split.loss = outputs.losses[s];
      const auto width = static_cast<size_t>(model.num_outputs(static_cast<int>(task)));
      for (size_t row = 0; row < static_cast<size_t>(features.num_rows()); ++row) {
        const auto first = logits.begin() + static_cast<int64_t>(row * width);
        if (tasks[task].kind == TaskKind::kRegression) {
          split.label_values.push_back(features.values[row]);
          split.predicted_values.push_back(*first);
        } else {
          split.labels.push_back(features.labels[row]);
          split.predictions.push_back(static_cast<int32_t>(
              std::max_element(first, first + static_cast<int64_t>(width)) - first));
        }
      }
      splits.push_back(std::move(split));
    }
    if (!splits.empty()) scores.push_back(score_task(tasks[task], splits));
  }
  return scores;
}

}  // namespace pals
