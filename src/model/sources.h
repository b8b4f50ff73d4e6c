// Where the parts of a pretrained model lie: configuration, vocabulary, weights.
#pragma once

#include <string>

#include "text/tokenizer_files.h"

namespace pals {

/// Paths of the parts; empty where there is none.
struct CheckpointSources {
  std::string config, weights;
  std::string folder;  ///< the folder that was named; empty for files
  TokenizerFiles tokenizer;
};

/// Finds the parts of what a user names: a model folder (weights: model.safetensors,
/// pytorch_model.bin, the index of shards, or a TensorFlow checkpoint), or a file or prefix of
/// weights, with config.json or bert_config.json and the tokenizer's files beside it. `config` and
/// `vocabulary` that are not empty take the place of what would be found, but a folder's own
/// configuration comes first. An empty `path` has no weights. Throws Error if there is nothing at
/// `path`, or no configuration in a folder, or no weights in one that `needs_weights`; a part of a
/// checkpoint or the folder of a run is answered with the path to give. `flag` names the path in
/// errors.
CheckpointSources find_checkpoint_sources(const std::string& path, const std::string& config,
                                          const std::string& vocabulary, const std::string& flag,
                                          bool needs_weights = true);

}  // namespace pals
