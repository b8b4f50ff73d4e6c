#include <iostream>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/table.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "dist/launch.h"
#include "dist/local_start.h"
#include "train/placement.h"
#include "train/trainer.h"

namespace pals {
namespace {

void add_data_options(CLI::App& app, TrainOptions& o) {
  app.add_option("--data_dir", o.data_dir, "folder of GLUE's tasks (CoLA/, MRPC/, ...)")
      ->group("Data");
  app.add_option("--task_file", o.task_file, "your own tasks, a JSON file (docs/tasks.md)")
      ->group("Data");
  app.add_option("--tasks", o.tasks,
                 "all (GLUE's eight), inf (qnli, mnli, rte), single (with --task_id), or names "
                 "separated by commas: cola,mrpc,mnli,rte,sts,sst,qqp,qnli,wnli and your own")
      ->group("Data");
  app.add_option("--task_id", o.task_id, "task of --tasks single, 0 to 7 in the order above")
      ->group("Data");
  app.add_option(
         "--kind", o.kind,
         "a single task without a task file: span (SQuAD's JSON) or multiple_choice (SWAG's "
         "CSV, or JSONL)")
      ->group("Data");
  app.add_option("--train_file", o.train_file, "training data of --kind")->group("Data");
  app.add_option("--dev_file", o.dev_file, "development data of --kind")->group("Data");
  app.add_option("--task_name", o.task_name, "name of --kind's task; default: squad or swag")
      ->group("Data");
  app.add_option("--max_seq_length", o.max_seq_length, "longer texts are cut")->group("Data");
  app.add_option("--cache_dir", o.cache_dir, "where converted texts are kept; empty: nowhere")
      ->group("Data");
}

void add_span_options(CLI::App& app, SpanOptions& o) {
  const auto group = "Question answering (--kind span)";
  app.add_option("--doc_stride", o.doc_stride, "tokens from one part of a long context to the next")
      ->group(group);
  app.add_option("--max_query_length", o.max_query_length, "longer questions are cut")
      ->group(group);
  app.add_option("--max_answer_length", o.max_answer_length, "tokens of an answer")->group(group);
  app.add_option("--n_best_size", o.n_best_size, "answers kept for each question")->group(group);
  app.add_flag("--version_2_with_negative", o.unanswerable,
               "questions may have no answer (SQuAD v2.0)")
      ->group(group);
  app.add_option("--null_score_diff_threshold", o.null_threshold,
                 "no answer, if that is better than the best span by more than this")
      ->group(group);
}

void add_model_options(CLI::App& app, TrainOptions& o) {
  app.add_option(
         "--init_checkpoint", o.init_checkpoint,
         "pretrained weights: a model folder, a safetensors or PyTorch file, or a TensorFlow "
         "checkpoint")
      ->group("Model");
  app.add_option("--bert_config_file", o.bert_config_file,
                 "configuration; with a model folder only its adapter keys count")
      ->group("Model");
  app.add_option("--vocab_file", o.vocab_file, "vocabulary, a token a line")->group("Model");
  app.add_flag("--do_lower_case", o.do_lower_case, "for uncased vocabularies")->group("Model");
  app.add_flag("--multi", o.multi, "task-specific parts start fresh, whatever the checkpoint holds")
      ->group("Model");
  app.add_option("--adapter", o.adapter, "task-specific parts: " + join(adapter_names(), ", "))
      ->group("Model");
  app.add_option("--adapter_size", o.adapter_size,
                 "their size P; default: the paper's share of hidden_size")
      ->group("Model");
  app.add_option("--adapter_layers", o.adapter_layers, "layers that have them, such as 6-11")
      ->group("Model");
  app.add_flag("--task_pooler", o.task_pooler, "each task has a pooler of its own")->group("Model");
  app.add_option("--h_aug", o.h_aug, "the reference's name of --adapter_size")->group("Model");
  app.add_option("--dropout", o.dropout, "overrides both probabilities of the configuration")
      ->group("Model");
}

void add_training_options(CLI::App& app, TrainOptions& o) {
  const auto group = "Training";
  app.add_option("--output_dir", o.output_dir, "the run's folder; an interrupted run goes on")
      ->group(group);
  app.add_flag("--do_train", o.do_train, "train (default: train and evaluate)")->group(group);
  app.add_flag("--do_eval", o.do_eval, "evaluate after each epoch")->group(group);
  app.add_option("--sample", o.sample, "order of the tasks: rr, prop, sqrt, anneal")->group(group);
  app.add_option("--optim", o.optim, "normal, or split: PAL attention learns at 3e-4")
      ->group(group);
  app.add_option("--train_batch_size", o.train_batch_size, "rows of a step")->group(group);
  app.add_option("--eval_batch_size", o.eval_batch_size, "rows of an evaluation batch")
      ->group(group);
  app.add_option("--learning_rate", o.learning_rate, "the highest rate")->group(group);
  app.add_option("--num_train_epochs", o.num_train_epochs, "epochs")->group(group);
  app.add_option("--steps_per_epoch", o.steps_per_epoch,
                 "steps of an epoch; default: 300 for each task, a pass over the data for one task")
      ->group(group);
  app.add_option("--max_steps", o.max_steps, "steps in all, instead of --num_train_epochs")
      ->group(group);
  app.add_option("--warmup_proportion", o.warmup_proportion, "share of the steps")->group(group);
  app.add_flag("--bias_correction", o.bias_correction,
               "Adam with bias correction; the reference has none")
      ->group(group);
  app.add_option("--schedule", o.schedule, "warmup_linear, warmup_cosine or warmup_constant")
      ->group(group);
  app.add_option("--gradient_accumulation_steps", o.gradient_accumulation_steps,
                 "parts that a step's batch is computed in")
      ->group(group);
  app.add_flag("--freeze", o.freeze, "train only adapters, LayerNorms and classifiers")
      ->group(group);
  app.add_flag("--recompute", o.recompute,
               "keep only layers' inputs for backward: less memory, a third more work")
      ->group(group);
  app.add_option("--seed", o.seed, "of initialisation, order and dropout")->group(group);
  app.add_option("--device", o.device, "cpu, cuda, cuda:N, or auto: a GPU if there is one")
      ->group(group);
  app.add_option("--precision", o.precision,
                 "fp32, bf16, on a GPU also fp16 and tf32, or auto: what is faster here")
      ->group(group);
  app.add_flag("--no_graphs", o.no_graphs, "on a GPU: do not record steps to replay them")
      ->group(group);
  app.add_option("--threads", o.threads, "0: all cores")->group(group);
}

void add_run_options(CLI::App& app, TrainOptions& o) {
  const auto group = "Run";
  app.add_option("--save_checkpoints_steps", o.save_checkpoints_steps,
                 "a checkpoint to resume from, besides those after each epoch")
      ->group(group);
  app.add_option("--keep_checkpoints", o.keep_checkpoints, "older ones are removed")->group(group);
  app.add_option("--save_best_tasks", o.save_best_tasks, "keep the best model of each task too")
      ->group(group);
  app.add_flag("--overwrite_output_dir", o.overwrite_output_dir,
               "remove an earlier run instead of going on with it")
      ->group(group);
  app.add_flag("--json", o.json, "print the results as JSON")->group(group);
  app.add_option(
         "--nproc", o.nproc,
         "processes on this machine that train together; default: one for each GPU, one on CPUs")
      ->group(group);
  app.add_option("--gradient_type", o.gradient_type,
                 "how gradients travel between processes: fp32 or bf16")
      ->group(group);
  app.add_flag("--shard_optimizer", o.shard_optimizer,
               "each process keeps its part of the optimizer's state (ZeRO-1)")
      ->group(group);
  app.add_flag("--no_cuda", o.no_cuda, "the reference's name of --device cpu")->group("");
  app.add_option("--local_rank", o.local_rank, "for the reference's sake")->group("");
}

// Runs as many processes where the options or the GPUs of this machine ask for it: their exit
// status.
std::optional<int> run_processes(const TrainOptions& options) {
  const int processes = processes_to_start(options, read_launch());
  if (processes == 1) return std::nullopt;
  if (options.nproc) return run_under_mpirun(processes);
  if (!can_start_processes()) {
    log_info(processes, " GPUs, of which this run takes one: to take all, start it by `torchrun ",
             "--no-python --nproc-per-node ", processes, "`, or install MPI and build again");
    return std::nullopt;
  }
  log_info("training on all ", processes,
           " GPUs, a process on each (--nproc 1 or --device cuda:0: on one)");
  return run_under_mpirun(processes);
}

}  // namespace

Command add_train_command(CLI::App& program) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* app = program.add_subcommand("train", "train one model on one or many tasks");
  add_data_options(*app, *options);
  add_span_options(*app, options->span);
  add_model_options(*app, *options);
  add_training_options(*app, *options);
  add_run_options(*app, *options);
  app->footer(
      "Every option can stand in a JSON file: --config FILE; flags override it.\n\n"
      "Examples:\n"
      "  pals train --tasks rte,mrpc,sts --data_dir glue --init_checkpoint minilm \\\n"
      "      --adapter pals --sample anneal --output_dir runs/three\n"
      "  pals train --task_file mine.json --init_checkpoint minilm --adapter low_rank \\\n"
      "      --output_dir runs/mine\n"
      "  pals train --kind span --train_file train-v1.1.json --dev_file dev-v1.1.json \\\n"
      "      --max_seq_length 384 --init_checkpoint minilm --output_dir runs/squad\n"
      "  pals train --config runs/three/run_config.json --seed 7 --output_dir runs/again");
  return {app, [options] {
            if (const std::optional<int> status = run_processes(*options)) return *status;
            const TrainResult result = train(*options);
            if (result.scores.is_null()) return 0;  // rank 0 reports
            if (options->json) {
              std::cout << json_text(result.scores);
            } else if (!result.table.empty()) {
              std::cout << "best model by average, after step " << result.scores["step"] << ":\n"
                        << result.table;
            }
            return 0;
          }};
}

}  // namespace pals
