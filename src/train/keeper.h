// What a run keeps in its folder: log, scores, predictions, the best models, checkpoints. Ranks but
// the first keep the scores alone, since all ranks decide alike.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runlog/metrics.h"
#include "runlog/tensorboard.h"
#include "settings/train_options.h"
#include "train/data_parallel.h"
#include "train/evaluator.h"
#include "train/results.h"
#include "train/run_folder.h"
#include "train/run_length.h"
#include "train/setup.h"

namespace pals {

class Keeper {
 public:
  /// Touches nothing. `options` as they were resolved; all must outlive the keeper.
  Keeper(const World& world, const TrainOptions& options, const RunSetup& setup)
      : world_(world), options_(options), setup_(setup), tasks_(setup.description.tasks) {}

  /// Makes the folder, takes its lock, states the options and, of a run that trains, its identity
  /// (train/identity.h; else null). UsageError or Error if it holds another run.
  void open(const Json& identity);

  /// The steps of an epoch of the run that goes on, as its newest checkpoint says; 0: none does. On
  /// all ranks.
  int64_t steps_per_epoch() const;

  /// The state to go on from, with weights and moments restored from the newest sound checkpoint;
  /// nothing if there is none. A state that is not of a run of so many steps is not sound.
  std::optional<Json> restore(int64_t total_steps);

  /// Before the first step, on all ranks: the run goes on at this step, from that state. Best
  /// models that are gone are written again if they are those of this step, else forgotten; both is
  /// said.
  void begin(int64_t step, int64_t total_steps, const std::optional<Json>& state);

  /// A step whose loss is far above those of the beginning is warned of.
  void log(const StepRecord& record);
  void log(const StartRecord& record) { write(record); }
  void log(const EpochRecord& record) { write(record); }
  void log(const TimeRecord& record) { write(record); }
  void log(const SpeedRecord& record) { write(record); }

  /// Notes an evaluation, which it returns, and keeps the models that are the best so far. Error
  /// for a loss that is not finite.
  EvaluationRecord keep_evaluation(int64_t step, int64_t epoch, int64_t num_epochs,
                                   const Evaluation& evaluation);
  /// The same of a model that is not trained.
  void keep_evaluation(const Evaluation& evaluation);

  /// Writes a checkpoint of a run over tasks of so many training examples. Whoever goes on from it
  /// makes the evaluation after that step first, if it is due. `sampling`: what --sample auto goes
  /// by; null: nothing.
  void save_checkpoint(DataParallel& parallel, const RunLength& length,
                       const std::vector<int64_t>& examples, bool evaluation_is_due = false,
                       const Json& sampling = {});

  /// Whether it is, in the state of a checkpoint.
  static bool evaluation_is_due(const Json& state);

  void save_final() const { save_folder(options_.output_dir + "/final"); }

  /// Writes eval_results.json and gives its content. Of checkpoints the last stays, or as many as
  /// were asked for. Of a run that was over before the file has been there all along, said to be of
  /// a run that is not finished.
  ResultsRecord finish();

  const RunResults& results() const { return results_; }

 private:
  template <typename Record>
  void write(const Record& record) {
    if (log_) log_->write(record);
    if (board_) board_->write(record);
  }
  void write_results(bool finished) const;
  void restore_best(int64_t step, int64_t total_steps);
  bool replace_missing(const std::string& name, int64_t saved, int64_t step, int64_t total_steps,
                       int only_task) const;
  void save_folder(const std::string& path, int only_task = -1,
                   const std::string& share_with = "") const;
  void save_best_tasks(int64_t step, const std::vector<TaskScores>& scores, std::string written);
  void save_answers(const Evaluation& evaluation) const;
  void save_predictions(const char* folder, int64_t step, const Evaluation& evaluation) const;

  const World& world_;
  const TrainOptions& options_;
  const RunSetup& setup_;
  std::vector<Task> tasks_;  // as the last evaluation tuned them
  std::unique_ptr<RunLock> lock_;
  RunResults results_;
  bool has_old_results_ = false;           // of before the run became longer
  std::optional<SoundCheckpoint> newest_;  // from open() to restore()
  std::optional<RunLength> length_;        // that it states
  std::optional<CheckpointStore> checkpoints_;
  std::optional<MetricsWriter> log_;
  std::optional<TensorboardWriter> board_;
  LossWatch loss_watch_;
  Json identity_;
};

}  // namespace pals
