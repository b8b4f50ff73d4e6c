#include "settings/train_options.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "hub/cache.h"
#include "settings/shared.h"

namespace pals {
namespace {

void add_data(OptionList& list, TrainOptions& o) {
  list.add(
      "Data",
      {data_dir_option(o.data_dir),
       task_file_option(o.task_file),
       {.name = "tasks",
        .field = o.tasks,
        .help = "`all` (GLUE's eight), `inf` (qnli, mnli, rte), `single` (with `--task_id`), or "
                "names separated by commas: cola,mrpc,mnli,rte,sts,sst,qqp,qnli,wnli and your "
                "own",
        .more = " ([tasks.md](tasks.md)); without it the tasks of `--task_file`, else `all`"},
       {.name = "task_id",
        .field = o.task_id,
        .help = "task of `--tasks single`, 0 to 7 in the order above; 1 if not given"},
       kind_option(o.kind,
                   "the kind of a single task without a task file, whose files are SQuAD's JSON "
                   "(span), SWAG's CSV or JSONL (multiple_choice)",
                   " ([question-answering.md](question-answering.md))"),
       {.name = "train_file", .field = o.train_file, .help = "training data of `--kind`"},
       {.name = "dev_file",
        .aliases = {"validation_file"},
        .field = o.dev_file,
        .help = "development data of `--kind`"},
       {.name = "task_name",
        .field = o.task_name,
        .help = "name of `--kind`'s task; default: `squad` or `swag`"},
       max_seq_length_option(o.max_seq_length),
       cache_dir_option(o.cache_dir)});
}

void add_span(OptionList& list, SpanOptions& o) {
  list.add(
      "Question answering (--kind span)",
      {{.name = "doc_stride",
        .field = o.doc_stride,
        .range = kPositive,
        .help = "tokens from the start of one part of a long context to the start of the next"},
       {.name = "max_query_length",
        .field = o.max_query_length,
        .range = kPositive,
        .help = "tokens of a question; longer ones are cut"},
       {.name = "max_answer_length",
        .field = o.max_answer_length,
        .range = kPositive,
        .help = "tokens of an answer"},
       {.name = "n_best_size",
        .field = o.n_best_size,
        .range = kPositive,
        .help = "answers kept for each question",
        .more = ", and starts and ends tried in each row"},
       unanswerable_option(o.unanswerable),
       {.name = "null_score_diff_threshold",
        .field = o.null_threshold,
        .help = "answer nothing if that scores better than the best span by more than this"}});
}

void add_model(OptionList& list, TrainOptions& o) {
  list.add("Model",
           {init_checkpoint_option(o.init_checkpoint),
            bert_config_file_option(o.bert_config_file),
            vocab_file_option(o.vocab_file),
            lower_case_option(o.do_lower_case),
            special_tokens_option(o.special_tokens_in_text),
            {.name = "multi",
             .field = o.multi,
             .help = "task-specific parts start fresh, whatever the checkpoint holds",
             .more = ": only its shared part is loaded"},
            {.name = "keep_tasks",
             .field = o.keep_tasks,
             .help = "with `--freeze_all`: the model folders that are written keep the "
                     "tasks of `--init_checkpoint` as they are",
             .more = ", which is what `pals add-task` does ([adapters.md](adapters.md))"}});
  list.add("Model", adapter_options(o));
  list.add("Model", {{.name = "task_pooler",
                      .field = o.task_pooler,
                      .help = "each task has a pooler of its own",
                      .more = ", which starts as the shared one"},
                     {.name = "h_aug",
                      .field = o.h_aug,
                      .range = kNotNegative,
                      .help = "the reference's name of `--adapter_size`",
                      .more = ", which wins"},
                     {.name = "dropout",
                      .field = o.dropout,
                      .range = {.most = 1.0, .open_end = true},
                      .help = "probability of dropout, in place of both of the configuration; "
                              "negative: as it says"}});
}

void add_training(OptionList& list, TrainOptions& o) {
  list.add(
      "Training",
      {{.name = "output_dir",
        .field = o.output_dir,
        .help = "the run's folder; an interrupted run goes on",
        .more = " ([what is in it](training.md#the-run-folder)); needed to train",
        .may_differ = MayDiffer::kAmongRanks},
       {.name = "do_train",
        .field = o.do_train,
        .help = "train (without `--do_train` and `--do_eval`: both)"},
       {.name = "do_eval",
        .field = o.do_eval,
        .help = "evaluate after each epoch",
        .more = "; without `--do_train`: evaluate the model as it starts"},
       {.name = "sample",
        .field = o.sample,
        .help = "which task a step takes; default: anneal for several of your own tasks, else rr",
        .more = " ([sampling](training.md#sampling))"},
       {.name = "optim",
        .field = o.optim,
        .help = "how parameters learn; split: query, key and value of PALs learn at 3e-4"},
       {.name = "train_batch_size",
        .aliases = {"batch_size", "per_device_train_batch_size"},
        .field = o.train_batch_size,
        .range = kPositive,
        .help = "rows of a step",
        .more = " (multiple choice: questions)"},
       eval_batch_size_option(o.eval_batch_size),
       {.name = "learning_rate",
        .aliases = {"lr"},
        .field = o.learning_rate,
        .range = kAboveZero,
        .help = "the highest rate of the schedule"},
       {.name = "num_train_epochs",
        .aliases = {"epochs"},
        .field = o.num_train_epochs,
        .range = kAboveZero,
        .help = "epochs; may be a fraction"},
       {.name = "steps_per_epoch",
        .field = o.steps_per_epoch,
        .range = kNotNegative,
        .help = "steps of an epoch; 0: a pass over all rows of your own tasks or of one task, else "
                "300 for each task"},
       {.name = "max_steps",
        .field = o.max_steps,
        .range = kNotNegative,
        .help = "steps in all, instead of `--num_train_epochs`",
        .more = "; the schedule and annealing follow it"},
       {.name = "warmup_proportion",
        .aliases = {"warmup_ratio"},
        .field = o.warmup_proportion,
        .range = between(0, 1),
        .help = "share of the steps in which the rate rises from 0"},
       {.name = "bias_correction",
        .field = o.bias_correction,
        .help = "Adam with bias correction; the reference has none",
        .more = " ([more](training.md#steps-epochs-schedule))"},
       {.name = "class_weights",
        .field = o.class_weights,
        .help = "`balanced`: the rarer a label, the more its examples' losses count, in tasks "
                "whose file does not give weights",
        .more = " ([tasks.md](tasks.md#losses))"},
       {.name = "schedule",
        .field = o.schedule,
        .help = "the rate after warm-up",
        .more = ": `warmup_linear` falls to 0, `warmup_cosine` falls to 0 along a cosine, "
                "`warmup_constant` stays"},
       {.name = "gradient_accumulation_steps",
        .field = o.gradient_accumulation_steps,
        .range = kPositive,
        .help = "parts that a step's batch is computed in",
        .more = "; saves memory, same result up to rounding"},
       {.name = "freeze",
        .field = o.freeze,
        .help = "train only adapters, classifiers and the shared LayerNorms",
        .more = ", as the reference does: so even these tasks share weights that change"},
       {.name = "freeze_all",
        .field = o.freeze_all,
        .help = "train only what is the tasks' own: everything shared stays as it is, LayerNorms "
                "too",
        .more = " ([adapters.md](adapters.md))"},
       {.name = "recompute",
        .aliases = {"gradient_checkpointing"},
        .field = o.recompute,
        .help = "keep only layers' inputs for backward: less memory, a third more work",
        .more = ", same result",
        .may_differ = MayDiffer::kAmongRanks},
       {.name = "seed",
        .field = o.seed,
        .help = "seed of initialisation, order of rows and tasks, and dropout"},
       device_option(o.device),
       precision_option(o.precision),
       {.name = "no_graphs",
        .field = o.no_graphs,
        .help = "on a GPU: do not record steps as CUDA graphs",
        .more = "; each is computed call by call",
        .may_differ = MayDiffer::kAfterResuming},
       threads_option(o.threads)});
}

void add_run(OptionList& list, TrainOptions& o) {
  list.add("Run",
           {{.name = "early_stopping",
             .aliases = {"early_stopping_patience"},
             .field = o.early_stopping,
             .range = kNotNegative,
             .help = "end after so many evaluations in a row without a better average; 0: never",
             .may_differ = MayDiffer::kAfterResuming},
            {.name = "early_stopping_by",
             .field = o.early_stopping_by,
             .help = "what `--early_stopping` looks at: the average of all tasks; or each task, "
                     "so that the run ends once none of them became better",
             .may_differ = MayDiffer::kAfterResuming},
            {.name = "save_checkpoints_steps",
             .aliases = {"save_steps"},
             .field = o.save_checkpoints_steps,
             .range = kPositive,
             .help = "steps between checkpoints to resume from, besides those after each epoch",
             .may_differ = MayDiffer::kAfterResuming},
            {.name = "keep_checkpoints",
             .aliases = {"save_total_limit"},
             .field = o.keep_checkpoints,
             .range = kPositive,
             .help = "how many checkpoints are kept; older ones are removed",
             .more = ". Not given: 2, and of a finished run the last one",
             .may_differ = MayDiffer::kAfterResuming},
            {.name = "save_best_tasks",
             .field = o.save_best_tasks,
             .help = "keep the best model of each task too; 0: only the best by average",
             .may_differ = MayDiffer::kAfterResuming,
             .takes_value = true},
            {.name = "report_to",
             .field = o.report_to,
             .help = "who else gets what `metrics.jsonl` gets; tensorboard: events in the run's "
                     "folder `tensorboard`",
             .more = " ([reports.md](reports.md#tensorboard))",
             .may_differ = MayDiffer::kAfterResuming},
            {.name = "overwrite_output_dir",
             .field = o.overwrite_output_dir,
             .help = "remove an earlier run in the folder instead of going on with it",
             .saved = false},
            json_option(o.json),
            config_option(),
            no_cuda_option(o.no_cuda),
            local_rank_option(o.local_rank)});
}

void add_processes(OptionList& list, TrainOptions& o) {
  constexpr double kMostProcesses = 1024;
  list.add(
      "Many processes",
      {{.name = "nproc",
        .field = o.nproc,
        .range = between(1, kMostProcesses),
        .help = "processes on this machine that train together; default: one for each GPU, one "
                "on CPUs",
        .more = ". Under `mpirun`, `srun` or `torchrun` those count",
        .may_differ = MayDiffer::kAmongRanks},
       {.name = "gradient_type",
        .field = o.gradient_type,
        .help = "how gradients travel between processes",
        .more = "; `bf16`: in half the bytes, rounded"},
       {.name = "shard_optimizer",
        .field = o.shard_optimizer,
        .help = "each process holds and updates its part of the optimizer's state (ZeRO-1)",
        .may_differ = MayDiffer::kAfterResuming}});
}

void add_recipe(OptionList& list, TrainOptions& o) {
  list.add("Recipe",
           {{.name = "recipe",
             .field = o.recipe,
             .help = "a set of defaults, which flags that are given override; `reference` has "
                     "those of these tables",
             .more = ", `best` [others](recipes.md#a-set-of-defaults)"}});
  list.add("Recipe", recipe_options(o));
  list.add("Recipe",
           {{.name = "teacher",
             .field = o.teachers,
             .help = "`TASK=FOLDER`, for each task that has one: a model of that task alone, from "
                     "whose outputs the task learns at first; several with commas between, or the "
                     "flag again",
             .more = " ([more](recipes.md#teachers))"}});
}

// Other tasks than --kind span would not see them.
void refuse_idle_span_flags(SpanOptions given, std::optional<TaskKind> kind) {
  if (kind == TaskKind::kSpan) return;
  SpanOptions usual;
  OptionList flags, defaults;
  add_span(flags, given);
  add_span(defaults, usual);
  const Json values = defaults.json();
  for (const Option& row : flags.rows()) {
    if (row.field.json() == values[row.name]) continue;
    fail_usage(row.flag(), " is for --kind span; in a --task_file it is a key of the task");
  }
}

std::vector<std::string> differing(const Json& one, const Json& other, MayDiffer where) {
  TrainOptions defaults;
  return options_of(defaults).differing(one, other, where);
}

}  // namespace

OptionList plan_options_of(TrainOptions& options) {
  OptionList list;
  add_data(list, options);
  add_span(list, options.span);
  add_model(list, options);
  add_training(list, options);
  add_recipe(list, options);
  add_run(list, options);
  add_processes(list, options);
  return list;
}

OptionList options_of(TrainOptions& options) {
  OptionList list = plan_options_of(options);
  list.set_resumes();
  list.need("output_dir", true);
  return list;
}

OptionList added_task_options(TrainOptions& options) {
  // What belongs to the model, which stays as it is, and what is so anyway.
  const std::vector<std::string> fixed = {"task_id",         "max_seq_length",
                                          "init_checkpoint", "bert_config_file",
                                          "vocab_file",      "do_lower_case",
                                          "multi",           "keep_tasks",
                                          "h_aug",           "special_tokens_in_text",
                                          "dropout",         "freeze",
                                          "freeze_all",      "local_rank",
                                          "no_cuda",         "layer_decay",
                                          "polish_epochs"};
  const OptionList all = options_of(options);
  OptionList list;
  for (const std::string& group : all.groups()) {
    std::vector<Option> rows;
    if (group == "Model") {
      rows.push_back(model_option(options.init_checkpoint));
      rows.back().help = "the trained model, a folder such as `RUN/best`, which stays as it is";
      rows.back().more = "; needed";
      rows.back().needed = true;
    }
    for (const Option& row : all.rows()) {
      const bool is_fixed = std::ranges::find(fixed, row.name) != fixed.end();
      if (row.group == group && !is_fixed) rows.push_back(row);
    }
    list.add(group, std::move(rows));
  }
  list.set_resumes();
  return list;
}

OptionList options_of_runs(TrainOptions& options, const OptionList& own) {
  const OptionList all = options_of(options);
  OptionList list;
  for (Option row : all.rows()) {
    const bool here = std::ranges::find(own.rows(), row.name, &Option::name) != own.rows().end();
    if (here || row.group == "Many processes" || row.name == "overwrite_output_dir") continue;
    row.hidden = true;
    const std::string group = row.group;
    list.add(group, {std::move(row)});
  }
  return list;
}

std::vector<TeacherFlag> teachers_of(const TrainOptions& options) {
  std::vector<TeacherFlag> teachers;
  for (const std::string& text : options.teachers) {
    for (const std::string_view item : split(text, ',')) {
      const size_t end = item.find('=');
      if (end == std::string_view::npos || end == 0 || end + 1 == item.size()) {
        fail_usage("--teacher is ", quote(text), ", expected TASK=FOLDER, such as cola=runs/cola/",
                   "best; several with commas between");
      }
      TeacherFlag teacher{std::string(trim(item.substr(0, end))),
                          std::string(trim(item.substr(end + 1)))};
      std::erase_if(teachers, [&](const TeacherFlag& other) { return other.task == teacher.task; });
      teachers.push_back(std::move(teacher));
    }
  }
  return teachers;
}

void check_options(const TrainOptions& options) {
  TrainOptions copy = options;
  options_of(copy).check();
  if (options.train_batch_size % options.gradient_accumulation_steps != 0) {
    fail_usage("--train_batch_size ", options.train_batch_size,
               " is not a multiple of --gradient_accumulation_steps ",
               options.gradient_accumulation_steps);
  }
  if (!options.task_name.empty() && !options.kind) {
    fail_usage("--task_name is for --kind; in a --task_file a task has the key \"name\"");
  }
  refuse_idle_span_flags(copy.span, options.kind);
  check_recipe(options);
  if (options.freeze && options.freeze_all) {
    fail_usage("--freeze and --freeze_all are given; --freeze trains the shared LayerNorms");
  }
  if (options.early_stopping_by == StopBy::kTask) {
    if (options.early_stopping == 0) fail_usage("--early_stopping_by needs --early_stopping");
    if (!options.save_best_tasks) {
      fail_usage("--early_stopping_by task goes by each task's best model, which ",
                 "--save_best_tasks 0 does not keep");
    }
  }
  if (!options.keep_tasks) return;
  if (!options.freeze_all) fail_usage("--keep_tasks needs --freeze_all");
  if (options.init_checkpoint.empty()) fail_usage("--keep_tasks needs --init_checkpoint");
  if (options.dropout >= 0.0) {
    fail_usage("--dropout makes no sense beside --keep_tasks: the configuration stays as it is");
  }
}

Json options_to_json(const TrainOptions& options) {
  TrainOptions copy = options;
  copy.init_checkpoint = name_of_snapshot(copy.init_checkpoint);  // the same on any machine
  return options_of(copy).json();
}

std::vector<std::string> differing_options(const Json& saved, const Json& current) {
  return differing(saved, current, MayDiffer::kAfterResuming);
}

std::vector<std::string> differing_among_ranks(const Json& first, const Json& other) {
  return differing(first, other, MayDiffer::kAmongRanks);
}

}  // namespace pals
