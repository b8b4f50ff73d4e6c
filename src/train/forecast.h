// What a run will take: parameters, memory, steps, passes over its tasks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "settings/train_options.h"
#include "train/plan.h"
#include "train/setup.h"

namespace pals {

/// Of one task.
struct TaskForecast {
  std::string name;
  int64_t parameters = 0;  ///< of its adapter and head
  int64_t examples = 0;    ///< for training
  double passes = 0.0;     ///< over them
  int64_t texts = 0;       ///< rows of its training data; 0: not known yet
  int64_t full_rows = 0;   ///< of them as long as --max_seq_length allows: nearly all are cut
};

/// Bytes; of a batch and of folders at most. RAM is that of the whole process.
struct MemoryForecast {
  int64_t ram = 0, gpu = 0, disk = 0;
};

struct RunForecast {
  int64_t shared_parameters = 0;
  std::vector<TaskForecast> tasks;
  StepPlan steps;
  int64_t uncapped_steps = 0;
  MemoryForecast memory;
  int64_t free_ram = 0, free_gpu = 0, free_disk = 0;  ///< bytes; 0: not known
  double seconds = -1.0;                              ///< of the run; negative: not measured
  std::string recipe;                                 ///< recipe_text(); empty: none
  std::vector<std::string> teachers;                  ///< teacher_text() of each
  double teacher_seconds = -1.0;                      ///< that their outputs take; as `seconds`
  std::vector<std::string> warnings;                  ///< what a colleague would say

  int64_t parameters() const;
  /// All parameters over those of one BERT.
  double times_bert() const;
};

/// Without what only features and measurements say (TaskForecast::texts, seconds). `resident`:
/// bytes of this process with the model, before a checkpoint was read.
RunForecast forecast(const TrainOptions& options, const RunSetup& setup, const RunPlan& plan,
                     int64_t resident);

/// Says what looks odd about it; once all is known.
void add_warnings(const TrainOptions& options, RunForecast& forecast);

/// For people.
std::vector<std::string> forecast_lines(const RunForecast& forecast);

/// {"parameters": {...}, "steps": N, "passes": {task: number}, "memory": {...}, "seconds": ...}.
OrderedJson forecast_json(const RunForecast& forecast);

}  // namespace pals
