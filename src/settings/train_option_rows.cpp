#include "settings/train_option_rows.h"

#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "hub/cache.h"
#include "settings/shared.h"

namespace pals {

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
        .help = "the run's folder, in which an interrupted run goes on",
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

}  // namespace pals
