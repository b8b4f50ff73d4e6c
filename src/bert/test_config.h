// What tests of the encoder share: a tiny configuration.
#pragma once

#include "bert/config.h"

namespace pals::testing {

/// Hidden size 12, 3 heads, 30 tokens, 8 positions.
inline BertConfig tiny_config(int num_layers) {
  BertConfig config;
  config.vocab_size = 30;
  config.hidden_size = 12;
  config.num_hidden_layers = num_layers;
  config.num_attention_heads = 3;
  config.intermediate_size = 20;
  config.max_position_embeddings = 8;
  return config;
}

}  // namespace pals::testing
