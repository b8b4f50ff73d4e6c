// A BERT encoder: all layers' vectors of texts, and the pooled ones.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/feature_model.h"
#include "predict/runner.h"
#include "predict/text_input.h"

namespace pals {

/// B texts run through an encoder: S tokens together, laid end to end without padding.
class EncodedTexts {
 public:
  EncodedTexts(PackedBatch batch, MultiTaskModel::Output output, bool has_pooler);

  int64_t num_texts() const { return batch_.num_rows(); }
  int64_t num_tokens() const { return batch_.num_tokens(); }
  int num_layers() const { return static_cast<int>(output_.encoder_layers.size()); }

  // UsageError from all below for a text or a layer that is not there.

  /// The ids of a text's T tokens, [CLS] and [SEP] included.
  std::vector<int32_t> token_ids(int64_t text) const;

  // Tensors are on the CPU, whatever the model runs on.

  /// A layer's output [S, H], fp32. -1 is the last layer, -2 the one before it.
  at::Tensor layer(int number) const;
  /// A layer's output for one text, [T, H], fp32.
  at::Tensor layer(int number, int64_t text) const;

  /// tanh(dense(first token)), [B, H], fp32. Error if the weights had no pooler.
  at::Tensor pooled() const { return vectors(Pooling::kPooled); }
  /// One vector for each text, [B, H], fp32; with `normalize` of length 1.
  at::Tensor vectors(Pooling pooling, bool normalize = false) const;

 private:
  struct Tokens {
    int64_t first, count;
  };
  Tokens tokens_of(int64_t text) const;

  PackedBatch batch_;
  MultiTaskModel::Output output_;
  bool has_pooler_;
};

/// An encoder for evaluation, with a task's adapter or without. Copies share their weights.
class Encoder {
 public:
  /// The shared encoder of a model folder, ours or as transformers writes it, on a GPU if there is
  /// one. Texts are cut to
  /// `max_seq_length` tokens; 0: as many as the model has positions. Throws as load_feature_model,
  /// and UsageError for more tokens than that.
  explicit Encoder(const std::string& folder, int max_seq_length = 0);

  /// The same with a task's adapter, in another precision, on a chosen device, or from a checkpoint
  /// of several files.
  explicit Encoder(const FeatureModelOptions& options, int max_seq_length = 0);

  const Tokenizer& tokenizer() const { return *loaded_->tokenizer; }
  const BertConfig& config() const { return loaded_->model->bert_config(); }

  /// Whether the weights had a pooler.
  bool has_pooler() const { return loaded_->has_pooler; }

  /// Runs texts and pairs in one batch. Nothing is padded, so time and memory follow the tokens.
  EncodedTexts encode(const std::vector<TextPair>& texts) const;

 private:
  std::shared_ptr<const FeatureModel> loaded_;
  int max_seq_length_;
};

}  // namespace pals
