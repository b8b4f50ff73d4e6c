#include "settings/shared.h"

#include <utility>

#include "features/features.h"
#include "hub/fetch.h"
#include "kinds/kind.h"

namespace pals {
namespace {

constexpr double kMostRows = 1 << 20;  // of a batch that is computed at once
constexpr double kMostTokens = 1 << 20;
constexpr double kMostThreads = 1024;

}  // namespace

void fetch_models(const OptionList& options) {
  for (const Option& option : options.rows()) {
    const Json given = option.names_model ? option.field.json() : Json();
    if (given.is_string()) option.read(local_model(given.get<std::string>()));
  }
}

Option model_option(Field folder) {
  return {.name = "model",
          .field = std::move(folder),
          .help = "a model folder, such as `RUN/best`, or `hf://owner/name`",
          .more = " ([model-folder.md](model-folder.md))",
          .names_model = true};
}

Option data_dir_option(Field folder) {
  return {.name = "data_dir",
          .field = std::move(folder),
          .help = "folder of GLUE's tasks (`CoLA/`, `MRPC/`, ...)",
          .more = " as they come: `CoLA/train.tsv`, `MNLI/dev_matched.tsv`, ...",
          .may_differ = MayDiffer::kAmongRanks};
}

Option task_file_option(Field path) {
  return {.name = "task_file",
          .field = std::move(path),
          .help = "your own tasks, a JSON file (docs/tasks.md); eval: where their files lie now"};
}

Option cache_dir_option(Field folder) {
  return {.name = "cache_dir",
          .field = std::move(folder),
          .help = "where converted texts are kept; empty: nowhere",
          .more = "; `auto`: `~/.cache/pals/features` ([data.md](data.md))",
          .may_differ = MayDiffer::kAmongRanks};
}

Option init_checkpoint_option(Field path) {
  return {.name = "init_checkpoint",
          .aliases = {"model_name_or_path"},
          .field = std::move(path),
          .help =
              "pretrained weights: a model folder, `hf://owner/name`, a safetensors or PyTorch "
              "file, or a TensorFlow checkpoint",
          .more =
              " ([models by name](model-folder.md#models-by-name)). None: random weights, with "
              "a warning",
          .names_model = true};
}

Option bert_config_file_option(Field path) {
  return {.name = "bert_config_file",
          .field = std::move(path),
          .help = "configuration (JSON), if not the one beside the weights",
          .more = "; in training with a model folder only its adapter keys count"};
}

Option vocab_file_option(Field path) {
  return {.name = "vocab_file",
          .field = std::move(path),
          .help = "vocabulary, a token a line, if not the one beside the weights"};
}

Option lower_case_option(Field lower_case) {
  return {.name = "do_lower_case",
          .field = std::move(lower_case),
          .help = "lower-case the texts (`=false`: do not); default: as the model's files say",
          .more = " ([how it is decided](model-folder.md#lower-casing))"};
}

Option special_tokens_option(Field special_tokens) {
  return {.name = "special_tokens_in_text",
          .field = std::move(special_tokens),
          .help =
              "`[MASK]`, `[SEP]` and their like in a text are whole tokens (`=false`: text like "
              "any other); default: as the model's files say, else text"};
}

Option max_seq_length_option(Field tokens) {
  return {.name = "max_seq_length",
          .aliases = {"max_length"},
          .field = std::move(tokens),
          .range = between(kMinSeqLength, kMostTokens),
          .help = "tokens of a row, special ones included; longer texts are cut",
          .more = " ([data.md](data.md))"};
}

Option kind_option(Field kind, std::string help, std::string more) {
  return {.name = "kind",
          .field = std::move(kind),
          .help = std::move(help),
          .more = std::move(more),
          .suggestions = kinds_of_flags()};
}

Option unanswerable_option(Field unanswerable) {
  return {.name = "version_2_with_negative",
          .field = std::move(unanswerable),
          .help = "questions may have no answer (SQuAD v2.0)"};
}

Option batch_size_option(Field rows) {
  return {.name = "batch_size",
          .field = std::move(rows),
          .range = between(1, kMostRows),
          .help = "rows of a batch"};
}

Option eval_batch_size_option(Field rows) {
  return {.name = "eval_batch_size",
          .aliases = {"per_device_eval_batch_size"},
          .field = std::move(rows),
          .range = between(1, kMostRows),
          .help = "rows of an evaluation batch",
          .more = " (multiple choice: questions); does not change results beyond rounding",
          .may_differ = MayDiffer::kAfterResuming};
}

Option device_option(Field device) {
  return {.name = "device",
          .field = std::move(device),
          .help = "what computes; auto is a GPU if there is one",
          .more = " ([devices](training.md#devices))",
          .may_differ = MayDiffer::kAmongRanks};
}

Option precision_option(Field precision) {
  return {.name = "precision",
          .field = std::move(precision),
          .help =
              "fp16 and tf32 are for GPUs, int8 is for prediction on a processor, auto is what is "
              "faster here",
          .more = ": bf16 on a GPU, and where the processor has AMX-BF16 or AVX512-BF16"};
}

Option threads_option(Field threads) {
  return {.name = "threads",
          .field = std::move(threads),
          .range = between(0, kMostThreads),
          .help = "threads that compute; 0: one on each core",
          .may_differ = MayDiffer::kAmongRanks};
}

Option json_option(Field json) {
  return {.name = "json",
          .field = std::move(json),
          .help = "print JSON",
          .may_differ = MayDiffer::kAmongRanks};
}

Option config_option() {
  return {.name = "config",
          .help = "a JSON file of flags without their dashes; flags on the command line win",
          .saved = false};
}

Option no_cuda_option(Field no_cuda) {
  return {.name = "no_cuda",
          .field = std::move(no_cuda),
          .help = "the reference's name of `--device cpu`",
          .may_differ = MayDiffer::kAmongRanks,
          .hidden = true};
}

Option local_rank_option(Field rank) {
  return {.name = "local_rank",
          .field = std::move(rank),
          .help = "accepted for the reference's sake; without effect",
          .may_differ = MayDiffer::kAmongRanks,
          .hidden = true};
}

}  // namespace pals
