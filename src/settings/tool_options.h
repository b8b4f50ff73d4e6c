// Everything that the commands around a model can be told: conversion, timings, facts. Field names
// are the flags'.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "options/choices.h"
#include "options/device_choice.h"
#include "options/option.h"
#include "settings/adapter_flags.h"
#include "tasks/task_kind.h"

namespace pals {

/// What a conversion writes.
enum class TargetFormat { kFolder, kPytorch, kSafetensors, kPeft, kAdapters };
inline constexpr Name<TargetFormat> kTargetFormats[] = {{TargetFormat::kFolder, "folder"},
                                                        {TargetFormat::kPytorch, "pytorch"},
                                                        {TargetFormat::kSafetensors, "safetensors"},
                                                        {TargetFormat::kPeft, "peft"},
                                                        {TargetFormat::kAdapters, "adapters"}};
constexpr std::span<const Name<TargetFormat>> names_of(TargetFormat) { return kTargetFormats; }

/// Whose names a file's tensors have: the reference's, those of transformers, or a model folder's.
enum class TensorNames { kReference, kTransformers, kOwn };
inline constexpr Name<TensorNames> kTensorNames[] = {{TensorNames::kReference, "reference"},
                                                     {TensorNames::kTransformers, "transformers"},
                                                     {TensorNames::kOwn, "pals"}};
constexpr std::span<const Name<TensorNames>> names_of(TensorNames) { return kTensorNames; }

struct ConvertOptions {
  std::string from;  ///< a model folder, a file, or the prefix of a TensorFlow checkpoint
  std::string to;    ///< a model folder or a file
  std::string bert_config_file;  ///< empty: what lies beside `from`
  std::string vocab_file;        ///< the same
  std::optional<bool> do_lower_case, special_tokens_in_text;
  std::string tasks, task_file;          ///< the tasks of a file's heads, for a model folder
  std::optional<TaskKind> kind;          ///< or this one: of the only head
  bool version_2_with_negative = false;  ///< questions of kind span may have no answer
  std::string base;    ///< of another package's adapter: the model that it was trained on
  std::string task;    ///< the task of such an adapter, read or written
  std::string labels;  ///< its labels in the order of the outputs, with commas between
  std::string fold;    ///< the task whose LoRA terms become part of the shared weights
  std::optional<TargetFormat> to_format;  ///< not given: by the ending of `to`
  TensorNames names = TensorNames::kReference;
  std::optional<int> max_seq_length;  ///< of a model folder; not given: as before, or the default
  bool encoder_only = false;
  bool drop_unexpected = false;
  bool accept_changes = false;  ///< a model folder counts as it is, whatever its hashes say
  bool overwrite = false;
};

struct ConvertFlags {
  ConvertOptions convert;
  bool json = false;  ///< the report as JSON
};

struct BenchFlags : AdapterFlags {
  std::string model, tasks, task_file, data_dir, vocab_file;
  std::vector<PrecisionChoice> precision = {PrecisionChoice::kFloat, PrecisionChoice::kBFloat16};
  DeviceChoice device;
  std::optional<int> max_seq_length, row_length;
  int64_t batch_size = 32;
  std::optional<int64_t> batches, rounds;  ///< not given: by `quick`
  int threads = 0;
  bool profile = false, json = false, quick = false;
};

struct InfoOptions {
  bool json = false;
};

/// One row for each, which fills `options` (it must outlive the rows). Without the files of a
/// conversion, which are no flags.
OptionList options_of(ConvertFlags& options);
OptionList options_of(BenchFlags& options);
OptionList options_of(InfoOptions& options);

}  // namespace pals
