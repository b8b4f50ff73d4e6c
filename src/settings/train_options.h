// Everything a training run can be told. Field names are the flags'; defaults the reference's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "options/choices.h"
#include "options/device_choice.h"
#include "options/option.h"
#include "settings/adapter_flags.h"
#include "settings/recipe_flags.h"
#include "tasks/squad.h"
#include "tasks/task_kind.h"

namespace pals {

/// Where a run's numbers go beside its own folder's files.
enum class ReportTo { kNone, kTensorboard };
inline constexpr Name<ReportTo> kReportTargets[] = {{ReportTo::kNone, "none"},
                                                    {ReportTo::kTensorboard, "tensorboard"}};
constexpr std::span<const Name<ReportTo>> names_of(ReportTo) { return kReportTargets; }

/// What has to become better for a run to go on.
enum class StopBy { kAverage, kTask };
inline constexpr Name<StopBy> kStopBy[] = {{StopBy::kAverage, "average"}, {StopBy::kTask, "task"}};
constexpr std::span<const Name<StopBy>> names_of(StopBy) { return kStopBy; }

/// A set of defaults by name (settings/recipes.h).
enum class Recipe { kReference, kBest };
inline constexpr Name<Recipe> kRecipes[] = {{Recipe::kReference, "reference"},
                                            {Recipe::kBest, "best"}};
constexpr std::span<const Name<Recipe>> names_of(Recipe) { return kRecipes; }

struct TrainOptions : AdapterFlags, RecipeFlags {
  // Data and tasks
  std::string data_dir;
  std::string task_file;
  std::string tasks;
  std::optional<int> task_id;
  std::optional<TaskKind> kind;  ///< of a single task without a task file
  std::string task_name;
  std::string train_file, dev_file;
  SpanOptions span;  ///< of --kind span
  int max_seq_length = 128;
  std::string cache_dir = "auto";

  // Model
  std::string init_checkpoint;
  std::string bert_config_file;
  std::string vocab_file;
  std::optional<bool> do_lower_case;           ///< not given: as the model's files say
  std::optional<bool> special_tokens_in_text;  ///< not given: as the model's files say
  bool multi = false;
  bool keep_tasks = false;  ///< folders that are written keep the tasks of init_checkpoint
  bool task_pooler = false;
  int64_t h_aug = 0;
  double dropout = -1.0;  ///< negative: as the configuration says

  // Training
  std::string output_dir;
  bool do_train = false, do_eval = false;
  LearningRates optim = LearningRates::kNormal;
  std::optional<Sampling> sample;  ///< not given: anneal for several own tasks, else round robin
  int64_t train_batch_size = 32;
  int64_t eval_batch_size = 32;
  double learning_rate = 5e-5;
  double num_train_epochs = 3.0;
  int64_t max_steps = 0;        ///< 0: by epochs
  int64_t steps_per_epoch = 0;  ///< 0: 300 x tasks; a pass over the data for own tasks, or for one
  double warmup_proportion = 0.1;
  bool bias_correction = false;
  Schedule schedule = Schedule::kWarmupLinear;
  ClassWeights class_weights = ClassWeights::kNone;
  int64_t gradient_accumulation_steps = 1;
  bool freeze = false, freeze_all = false;
  bool recompute = false;
  uint64_t seed = 42;
  DeviceChoice device;
  PrecisionChoice precision = PrecisionChoice::kAuto;
  bool no_graphs = false;  ///< on a GPU: steps are not recorded
  int threads = 0;
  int64_t early_stopping = 0;  ///< evaluations without a better score; 0: never
  StopBy early_stopping_by = StopBy::kAverage;
  int64_t save_checkpoints_steps = 1000;
  std::optional<int64_t> keep_checkpoints;  ///< not given: 2 until the run ends, then the last
  bool save_best_tasks = true;
  ReportTo report_to = ReportTo::kNone;
  bool overwrite_output_dir = false;

  // Many processes
  std::optional<int> nproc;  ///< not given: one process for each GPU, one on CPUs
  GradientType gradient_type = GradientType::kFloat;
  bool shard_optimizer = false;  ///< ZeRO-1

  // For the reference's sake
  bool no_cuda = false;  ///< device "cpu"
  int local_rank = -1;   ///< without effect

  bool json = false;  ///< the final scores as JSON on stdout instead of a table

  // Recipe
  Recipe recipe = Recipe::kReference;  ///< by which defaults were chosen
  std::vector<std::string> teachers;   ///< TASK=FOLDER, also several with commas between
};

/// A task, and the folder of the model that teaches it.
struct TeacherFlag {
  std::string task, folder;
};

/// What `teachers` name, in that order; of a task that is named again the last. UsageError for what
/// is not TASK=FOLDER.
std::vector<TeacherFlag> teachers_of(const TrainOptions& options);

/// One row for each, which fills `options` (it must outlive the rows).
OptionList options_of(TrainOptions& options);

/// The same for a run that is only planned, which needs no folder and does not go on.
OptionList plan_options_of(TrainOptions& options);

/// The same for `pals add-task`: those that make sense where a trained model stays as it is, which
/// `--model` names in place of `--init_checkpoint`.
OptionList added_task_options(TrainOptions& options);

/// The same for a command that trains several runs: all but the rows that it has itself, those of
/// many processes, and what would remove a run; hidden in its help, since `pals train` has them.
OptionList options_of_runs(TrainOptions& options, const OptionList& own);

/// UsageError for values that are missing, out of range, or contradict each other.
void check_options(const TrainOptions& options);

/// All options but --overwrite_output_dir (given again by --config, it would remove the run), for
/// run_config.json and to check a resumed run.
Json options_to_json(const TrainOptions& options);

/// Names of the options in which two saved configurations differ in a way that changes the result.
std::vector<std::string> differing_options(const Json& saved, const Json& current);

/// Names of the options that two ranks of one run must not have different.
std::vector<std::string> differing_among_ranks(const Json& first, const Json& other);

}  // namespace pals
