// The encoder that features come from: of a model folder, with a task's adapter or without, or of
// any BERT checkpoint.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "model/multi_task_model.h"
#include "text/tokenizer.h"

namespace pals {

/// Where to take the encoder from.
struct FeatureModelOptions {
  std::string model;  ///< a folder, or the three files below
  std::string init_checkpoint, bert_config_file, vocab_file;
  std::string task;  ///< a task of a folder that `pals train` wrote, or empty
  std::optional<bool> do_lower_case, special_tokens_in_text;  ///< see read_tokenizer_settings
  Precision precision;
  at::Device device = at::kCPU;
};

/// A model for forward passes of `task`.
struct FeatureModel {
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<MultiTaskModel> model;
  int task = 0;
  bool has_pooler = true;
  std::string where;  ///< the weights, for messages
};

/// Without a task only the shared encoder is loaded, whatever adapters a folder has.
/// UsageError for missing or contradictory flags; Error as load_weights.
FeatureModel load_feature_model(const FeatureModelOptions& options);

}  // namespace pals
