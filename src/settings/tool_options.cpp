#include "settings/tool_options.h"

#include "settings/shared.h"

namespace pals {
namespace {

constexpr const char* kToolHeading = "Options";
constexpr double kMostBatches = 10000, kMostRounds = 1000;

}  // namespace

OptionList options_of(ConvertFlags& flags) {
  OptionList list;
  ConvertOptions& o = flags.convert;
  list.add(
      kToolHeading,
      {{.name = "to",
        .field = o.to_format,
        .help = "the output's format, whatever the name of TO says"},
       bert_config_file_option(o.bert_config_file),
       vocab_file_option(o.vocab_file),
       lower_case_option(o.do_lower_case),
       special_tokens_option(o.special_tokens_in_text),
       {.name = "tasks", .field = o.tasks, .help = "the tasks of a file's heads, in their order"},
       task_file_option(o.task_file),
       kind_option(o.kind, "the kind of the only head, in place of `--tasks` and `--task_file`"),
       unanswerable_option(o.version_2_with_negative),
       {.name = "base",
        .field = o.base,
        .help =
            "of an adapter of `peft` or `adapters`: the folder of the model that it belongs to, "
            "or `hf://owner/name`",
        .more = " ([adapters.md](adapters.md))",
        .names_model = true},
       {.name = "task",
        .field = o.task,
        .help = "of such an adapter: the task's name here; with `--to peft` or `--to adapters`: "
                "which task is written, if there are several"},
       {.name = "labels",
        .field = o.labels,
        .help = "of such an adapter: the task's labels in the order of the head's outputs, with "
                "commas between"},
       {.name = "fold",
        .field = o.fold,
        .help = "the task whose LoRA terms are added to the shared weights; it alone is written"},
       {.name = "names",
        .field = o.names,
        .help = "whose names a file's tensors have (transformers has LayerNorm.weight for gamma, "
                "pals is as in a model folder)"},
       max_seq_length_option(o.max_seq_length),
       {.name = "encoder_only", .field = o.encoder_only, .help = "leave out adapters and heads"},
       {.name = "drop_unexpected",
        .field = o.drop_unexpected,
        .help = "leave out tensors that the configuration has no place for"},
       {.name = "accept_changes",
        .field = o.accept_changes,
        .help = "take a model folder as it is, though it is not what its tasks were trained with, "
                "and an adapter whose base has another name"},
       {.name = "overwrite",
        .field = o.overwrite,
        .help = "put the new model folder in place of one at TO"},
       json_option(flags.json),
       config_option()});
  return list;
}

OptionList options_of(BenchFlags& o) {
  OptionList list;
  list.add(kToolHeading,
           {{.name = "model",
             .field = o.model,
             .help = "a folder with a `config.json`: its sizes count, the weights are random; "
                     "default: BERT-base",
             .names_model = true}});
  list.add(kToolHeading, adapter_options(o));
  list.add(
      kToolHeading,
      {{.name = "tasks",
        .field = o.tasks,
        .help = "tasks of the model, as of `pals train`; default: its own, else GLUE's eight"},
       task_file_option(o.task_file),
       data_dir_option(o.data_dir),
       vocab_file_option(o.vocab_file),
       max_seq_length_option(o.max_seq_length),
       {.name = "row_length",
        .field = o.row_length,
        .range = max_seq_length_option(o.row_length).range,
        .help = "make every generated row that long"},
       batch_size_option(o.batch_size),
       {.name = "batches",
        .field = o.batches,
        .range = between(1, kMostBatches),
        .help = "batches of a round; default: 8, with `--quick` 3"},
       {.name = "rounds",
        .field = o.rounds,
        .range = between(1, kMostRounds),
        .help = "times that all is done; default: 3, with `--quick` 1"},
       {.name = "precision",
        .field = o.precision,
        .help = "one or several with commas between; int8 is for prediction alone, fp16 and tf32 "
                "are for GPUs"},
       device_option(o.device),
       threads_option(o.threads),
       {.name = "profile",
        .field = o.profile,
        .help = "also print where the time goes, block by block"},
       {.name = "quick",
        .field = o.quick,
        .help = "measure 3 batches in 1 round: about a minute for BERT-base"},
       json_option(o.json),
       config_option()});
  return list;
}

OptionList options_of(InfoOptions& o) {
  OptionList list;
  list.add(kToolHeading, {json_option(o.json), config_option()});
  return list;
}

}  // namespace pals
