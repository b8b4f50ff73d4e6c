#include "settings/use_options.h"

#include <utility>

#include "settings/shared.h"

namespace pals {
namespace {

constexpr const char* kModel = "Model";
constexpr const char* kInput = "Input";
constexpr const char* kOutput = "Output";
constexpr const char* kComputing = "Computing";

Option needed(Option option) {
  option.needed = true;
  return option;
}

void add_input(OptionList& list, InputFlags& o) {
  list.add(
      kInput,
      {{.name = "input",
        .aliases = {"input_file"},
        .field = o.input,
        .help = "a file; default, and `-`: standard input"},
       {.name = "input_format",
        .field = o.format,
        .help = "auto goes by the ending of the name, else by the first line (an object, or the "
                "names of columns), else it is tsv with `--text_a` and lines without; squad is for "
                "span tasks",
        .more = " ([formats](predict.md#input))"},
       {.name = "text_a",
        .field = o.text_a,
        .help = "column of the text: its name, its number from 0 or, negative, from the end; the "
                "key in jsonl; default: that of the task's own files"},
       {.name = "text_b", .field = o.text_b, .help = "column of the second text of pairs"},
       {.name = "header",
        .field = o.header,
        .help = "the first row names the columns (so without saying if a column is given by "
                "name)"}});
}

void add_given_texts(OptionList& list, InputFlags& o) {
  list.add(kInput, {{.name = "text",
                     .field = o.texts,
                     .help = "a text in place of an input; may be given several times"},
                    {.name = "text_pair",
                     .field = o.text_pairs,
                     .help = "the second text of a pair (the context of a question), one for each "
                             "`--text`"}});
}

Option shard_option(ShareFlags& o) {
  return {.name = "shard",
          .field = o.shard,
          .help =
              "a part of the input alone: 2/8 is the second of eight; the outputs one after "
              "another are that of the whole",
          .more = " ([scaling.md](scaling.md#prediction))"};
}

Option shards_option(ShareFlags& o) {
  return {.name = "shards",
          .field = o.shards,
          .help =
              "under mpirun or srun: leave the file of each rank, `OUTPUT.2-of-8`, and do not "
              "join them"};
}

void add_questions(OptionList& list, InputFlags& o) {
  list.add(
      kInput,
      {{.name = "choices",
        .field = o.choices,
        .help = "multiple choice: the columns of the choices with commas between, or in jsonl "
                "the key of a list"},
       {.name = "id", .field = o.id, .help = "column of a name with which each answer begins"}});
}

Option output_path_option(Field path) {
  return {.name = "output",
          .field = std::move(path),
          .help = "a file; default: standard output",
          .more =
              ". It appears when it is whole; a pipe or a device is written through, a link is "
              "followed"};
}

}  // namespace

OptionList options_of(EvalOptions& o) {
  OptionList list;
  list.add(kModel, {needed(model_option(o.model)),
                    {.name = "tasks",
                     .field = o.tasks,
                     .help = "those of the model's tasks that are scored, with commas between; "
                             "default: all that have a dev file"}});
  list.add(kInput, {data_dir_option(o.data_dir), task_file_option(o.task_file),
                    cache_dir_option(o.cache_dir)});
  list.add(kOutput, {{.name = "output_dir",
                      .field = o.output_dir,
                      .help = "where the answers of span tasks are written: `predictions.json` and "
                              "others"},
                     {.name = "per_class",
                      .field = o.per_class,
                      .help = "also all metrics of each task's kind with 95 % intervals, and "
                              "precision, recall and F1 by class",
                      .more = " ([reports.md](reports.md#figures-without-a-page))"},
                     {.name = "errors",
                      .field = o.errors,
                      .help = "a file for the rows that were predicted wrong, with their texts: an "
                              "object a line, the worst of each task first"},
                     json_option(o.json)});
  list.add(kComputing, {eval_batch_size_option(o.eval_batch_size), precision_option(o.precision),
                        device_option(o.device), threads_option(o.threads), config_option()});
  return list;
}

OptionList options_of(PredictOptions& o) {
  OptionList list;
  list.add(kModel, {needed(model_option(o.model)),
                    {.name = "task",
                     .aliases = {"tasks"},
                     .field = o.tasks,
                     .help = "one of its tasks, several with commas between, or `all` that the "
                             "input fits; default: the only one"}});
  add_given_texts(list, o.input);
  add_input(list, o.input);
  add_questions(list, o.input);
  list.add(kInput,
           {shard_option(o.share),
            {.name = "on_error",
             .field = o.on_error,
             .help = "what a row that cannot be read gives: emit, an error in its place; "
                     "skip, nothing; stop, the end of the run",
             .more = " ([rows that cannot be read](predict.md#rows-that-cannot-be-read))"}});
  list.add(kOutput,
           {output_path_option(o.output),
            shards_option(o.share),
            {.name = "format",
             .aliases = {"output_format"},
             .field = o.format,
             .help = "how answers are written"},
            {.name = "json",
             .field = o.json,
             .help = "the same as `--format jsonl`: an object a line with all probabilities"},
            {.name = "top_k",
             .field = o.top_k,
             .range = kPositive,
             .help = "the likeliest labels of each text, at most so many, with their "
                     "probabilities"},
            {.name = "threshold",
             .field = o.threshold,
             .range = between(0.0, 1.0),
             .help = "the probability above which a text has a label (multi-label), or the second "
                     "of two labels; default: the task's own, and the likelier of the two"}});
  list.add(kComputing, {batch_size_option(o.batch_size), precision_option(o.precision),
                        device_option(o.device), threads_option(o.threads), config_option()});
  return list;
}

OptionList options_of(FeaturesOptions& o) {
  OptionList list;
  list.add(kModel,
           {model_option(o.model),
            {.name = "task",
             .field = o.task,
             .help = "the task whose adapter is used; default: none, the shared encoder alone"},
            init_checkpoint_option(o.init_checkpoint),
            bert_config_file_option(o.bert_config_file),
            vocab_file_option(o.vocab_file),
            lower_case_option(o.do_lower_case),
            special_tokens_option(o.special_tokens_in_text)});
  add_input(list, o.input);
  list.add(kInput, {shard_option(o.share)});
  Option output = output_path_option(o.output);
  output.aliases = {"output_file"};
  list.add(
      kOutput,
      {output,
       shards_option(o.share),
       {.name = "format",
        .field = o.format,
        .help = "how vectors are written; default: by the ending of `--output`, else jsonl"},
       {.name = "pooling",
        .field = o.pooling,
        .help = "one vector a text; default: vectors of all tokens"},
       {.name = "normalize",
        .field = o.normalize,
        .help = "scale the vectors of texts to length 1"},
       {.name = "layers",
        .field = o.layers,
        .help =
            "layers whose vectors of tokens are written: numbers with commas between, -1 is the "
            "last; default: the last four"}});
  list.add(kComputing,
           {max_seq_length_option(o.max_seq_length), batch_size_option(o.batch_size),
            precision_option(o.precision), device_option(o.device), threads_option(o.threads),
            config_option(), no_cuda_option(o.no_cuda), local_rank_option(o.local_rank)});
  return list;
}

OptionList options_of(SubmitOptions& o) {
  OptionList list;
  list.add(kModel, {needed(model_option(o.model))});
  list.add(kInput, {needed(data_dir_option(o.data_dir))});
  list.add(
      kOutput,
      {{.name = "output", .field = o.output, .help = "the archive to write"},
       {.name = "fill_missing",
        .field = o.fill_missing,
        .help = "fill in majority classes where the model has no task or the data no test set"},
       json_option(o.json)});
  list.add(kComputing, {batch_size_option(o.batch_size), precision_option(o.precision),
                        device_option(o.device), threads_option(o.threads), config_option()});
  return list;
}

}  // namespace pals
