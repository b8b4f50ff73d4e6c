// Everything that the commands which use a trained model can be told. Field names are the flags'.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "options/choices.h"
#include "options/device_choice.h"
#include "options/option.h"

namespace pals {

/// How texts are given. kAuto: by the file's ending and the flags.
enum class InputFormat { kAuto, kLines, kTsv, kCsv, kJsonl, kSquad };
inline constexpr Name<InputFormat> kInputFormats[] = {
    {InputFormat::kAuto, "auto"}, {InputFormat::kLines, "lines"}, {InputFormat::kTsv, "tsv"},
    {InputFormat::kCsv, "csv"},   {InputFormat::kJsonl, "jsonl"}, {InputFormat::kSquad, "squad"}};
constexpr std::span<const Name<InputFormat>> names_of(InputFormat) { return kInputFormats; }

/// Where texts come from, for the commands that work on texts.
struct InputFlags {
  std::vector<std::string> texts, text_pairs;  ///< in place of the input
  std::string input;                           ///< empty: standard input
  InputFormat format = InputFormat::kAuto;
  std::string text_a, text_b, choices, id;  ///< columns
  std::optional<bool> header;               ///< not given: as the columns are named
};

/// How the rows of an input and its answers are spread over processes.
struct ShareFlags {
  std::string shard;    ///< "2/8"; empty: all rows, or those of a rank
  bool shards = false;  ///< each rank leaves a file of its own
};

struct EvalOptions {
  std::string model, data_dir, task_file, tasks, output_dir, errors, cache_dir = "auto";
  DeviceChoice device;
  PrecisionChoice precision = PrecisionChoice::kAuto;
  int64_t eval_batch_size = 32;
  int threads = 0;
  bool per_class = false, json = false;
};

struct PredictOptions {
  std::string model, tasks, output;
  DeviceChoice device;
  InputFlags input;
  ShareFlags share;
  AnswerFormat format = AnswerFormat::kTsv;
  OnError on_error = OnError::kStop;
  std::optional<int64_t> top_k;
  std::optional<double> threshold;
  PrecisionChoice precision = PrecisionChoice::kAuto;
  int64_t batch_size = 32;
  int threads = 0;
  bool json = false;
};

struct FeaturesOptions {
  std::string model, task;
  std::string init_checkpoint, bert_config_file, vocab_file;  ///< in place of `model`
  std::optional<bool> do_lower_case;           ///< not given: as the model's files say, else true
  std::optional<bool> special_tokens_in_text;  ///< not given: as the model's files say, else not
  InputFlags input;
  ShareFlags share;
  std::string output, layers;
  std::optional<VectorFormat> format;  ///< not given: by the ending of `output`
  std::optional<Pooling> pooling;      ///< not given: the vectors of all tokens
  DeviceChoice device;
  PrecisionChoice precision = PrecisionChoice::kFloat;
  int max_seq_length = 128;
  int64_t batch_size = 32;
  int threads = 0;
  bool normalize = false, no_cuda = false;
  int local_rank = -1;
};

struct SubmitOptions {
  std::string model, data_dir, output = "submission.zip";
  DeviceChoice device;
  PrecisionChoice precision = PrecisionChoice::kAuto;
  int64_t batch_size = 32;
  int threads = 0;
  bool fill_missing = false, json = false;
};

/// One row for each, which fills `options` (it must outlive the rows).
OptionList options_of(EvalOptions& options);
OptionList options_of(PredictOptions& options);
OptionList options_of(FeaturesOptions& options);
OptionList options_of(SubmitOptions& options);

}  // namespace pals
