// A BERT encoder: all layers' vectors of texts, and one vector for each text.
#pragma once

#include <pals/error.h>
#include <pals/tokenizer.h>
#include <pals/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pals::api {

/// Which encoder, and how it is run.
struct EncoderOptions {
  std::string model;  ///< a folder, or the three files below
  std::string init_checkpoint, bert_config_file, vocab_file;
  std::string task;                   ///< a task whose adapter is used; empty: none
  std::optional<bool> do_lower_case;  ///< not given: as the model's files say
  int max_seq_length = 0;             ///< tokens of a text at most; 0: all positions of the model
  std::string precision = "fp32";     ///< as in ModelOptions
  std::string device = "auto";        ///< the same
  int64_t batch_size = 32;            ///< of vectors()
};

/// B texts run through an encoder of L layers: S tokens together, laid end to end without padding,
/// H numbers for each.
class EncodedTexts {
 public:
  int64_t num_texts() const;
  int64_t num_tokens() const;
  int num_layers() const;
  int64_t hidden_size() const;

  // UsageError from all below for a text or a layer that is not there. Spans are valid as long as
  // one copy of this object is.

  /// The ids of a text's T tokens, [CLS] and [SEP] included.
  std::span<const int32_t> token_ids(int64_t text) const;

  /// A layer's output [S, H]. -1 is the last layer, -2 the one before it.
  std::span<const float> layer(int number) const;
  /// A layer's output for one text, [T, H].
  std::span<const float> layer(int number, int64_t text) const;

  /// The pooler's output, [B, H]. Error if the weights had no pooler.
  std::span<const float> pooled() const;

  struct Content;
  explicit EncodedTexts(std::shared_ptr<const Content> content) : content_(std::move(content)) {}

 private:
  std::shared_ptr<const Content> content_;
};

/// An encoder for evaluation, with a task's adapter or without. Copies share their weights; one
/// thread at a time uses them.
class Encoder {
 public:
  /// The shared encoder of a model folder, PALs' own or as transformers writes it. Error if a file
  /// is missing or damaged, UsageError for more tokens than the model has positions.
  explicit Encoder(const std::string& folder, int max_seq_length = 0);
  explicit Encoder(const EncoderOptions& options);

  const Tokenizer& tokenizer() const;
  int num_layers() const;
  int64_t hidden_size() const;
  /// Whether the weights had a pooler.
  bool has_pooler() const;
  /// Whether it computes on a GPU.
  bool on_gpu() const;

  /// Runs texts and pairs in one batch and keeps all layers: time and memory follow the tokens.
  EncodedTexts encode(const std::vector<TextPair>& texts) const;

  /// A vector for each text, [B, H]; with `normalize` of length 1. Runs in batches and keeps
  /// nothing else. Error for kPooled if the weights had no pooler.
  std::vector<float> vectors(const std::vector<TextPair>& texts, Pooling pooling,
                             bool normalize = false) const;
  /// The same. UsageError, too, for more tokens than the model has positions.
  std::vector<float> vectors(const std::vector<TextPair>& texts,
                             const VectorOptions& options) const;

 private:
  struct Loaded;
  std::shared_ptr<const Loaded> loaded_;
};

}  // namespace pals::api
