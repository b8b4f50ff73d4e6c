// BERT's configuration, as Google's and transformers' JSON files give it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "kernels/operations.h"

namespace pals {

/// Sizes and constants of the shared encoder (reference-system, section 1).
struct BertConfig {
  int64_t vocab_size = 30522;
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;
  int64_t intermediate_size = 3072;
  Activation hidden_act = Activation::kGelu;
  double hidden_dropout_prob = 0.1;
  double attention_probs_dropout_prob = 0.1;
  int64_t max_position_embeddings = 512;
  int64_t type_vocab_size = 2;
  double initializer_range = 0.02;
  double layer_norm_eps = 1e-12;

  int64_t head_size() const { return hidden_size / num_attention_heads; }
};

/// Reads BERT's keys of a configuration object. `other_keys` names further keys that the caller
/// reads itself (adapters). Metadata keys of transformers' and Google's files are ignored, those of
/// other tools named in one line on stderr. An Error that begins with `where` are keys that speak
/// of another network than BERT's, keys that are nearly one of BERT's, a missing size, and a value
/// out of range.
BertConfig parse_bert_config(const Json& json, const std::string& where,
                             const std::vector<std::string>& other_keys);

/// The keys as transformers' BertConfig writes them.
Json bert_config_to_json(const BertConfig& config);

const char* activation_name(Activation activation);

}  // namespace pals
