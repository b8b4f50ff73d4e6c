// Where the parts of a pretrained model lie: configuration, vocabulary, weights.
#pragma once

#include <string>

namespace pals {

/// Paths of the parts; empty where there is none.
struct CheckpointSources {
  std::string config, vocabulary, weights;
  std::string tokenizer_config, tokenizer_json;  ///< settings of the tokenizer
  std::string folder;                            ///< the folder that was named; empty for files
};

/// Finds the parts of what a user names: a model folder (weights: model.safetensors,
/// pytorch_model.bin, or a TensorFlow checkpoint), or a file or prefix of weights, with config.json
/// or bert_config.json, vocab.txt, tokenizer_config.json and tokenizer.json beside it. `config` and
/// `vocabulary` that are not empty take the place of what would be found, but a folder's own
/// configuration comes first. An empty `path` has no weights. Throws Error if there is nothing at
/// `path`, or no configuration in a folder, or no weights in one that `needs_weights`. `flag` names
/// the path in errors.
CheckpointSources find_checkpoint_sources(const std::string& path, const std::string& config,
                                          const std::string& vocabulary, const std::string& flag,
                                          bool needs_weights = true);

/// The files of the tokenizer in a folder, whether it holds a model or not.
CheckpointSources find_tokenizer_files(const std::string& folder);

}  // namespace pals
