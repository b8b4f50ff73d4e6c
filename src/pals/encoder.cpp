#include "pals/encoder.h"

#include "base/error.h"
#include "data/features.h"
#include "model/model_runner.h"
#include "model/open.h"
#include "nn/device.h"

namespace pals {
namespace {

FeatureModelOptions from_folder(const std::string& folder) {
  FeatureModelOptions options;
  options.model = folder;
  options.device = choose_device("auto");
  return options;
}

}  // namespace

EncodedTexts::EncodedTexts(PackedBatch batch, MultiTaskModel::Output output, bool has_pooler)
    : batch_(std::move(batch)), output_(std::move(output)), has_pooler_(has_pooler) {}

EncodedTexts::Tokens EncodedTexts::tokens_of(int64_t text) const {
  if (text < 0 || text >= num_texts()) {
    fail_usage("text ", text, ": ", num_texts(), " were encoded, numbered from 0");
  }
  const int64_t first = batch_.cu_seqlens[static_cast<size_t>(text)];
  return {first, batch_.cu_seqlens[static_cast<size_t>(text) + 1] - first};
}

std::vector<int32_t> EncodedTexts::token_ids(int64_t text) const {
  const Tokens tokens = tokens_of(text);
  const auto begin = batch_.token_ids.begin() + tokens.first;
  return {begin, begin + tokens.count};
}

at::Tensor EncodedTexts::layer(int number) const {
  const int index = number < 0 ? number + num_layers() : number;
  if (index < 0 || index >= num_layers()) {
    fail_usage("layer ", number, ": the encoder has ", num_layers(),
               ", numbered from 0; -1 is the last");
  }
  return output_.encoder_layers[static_cast<size_t>(index)].cpu().to(at::kFloat);
}

at::Tensor EncodedTexts::layer(int number, int64_t text) const {
  const Tokens tokens = tokens_of(text);
  return layer(number).narrow(0, tokens.first, tokens.count);
}

at::Tensor EncodedTexts::vectors(Pooling pooling, bool normalize) const {
  if (pooling == Pooling::kPooled && !has_pooler_) {
    fail("the weights have no pooler (pooler.dense); take another pooling");
  }
  return pool(batch_, output_, {pooling, normalize}).contiguous().cpu();
}

Encoder::Encoder(const std::string& folder, int max_seq_length)
    : Encoder(from_folder(folder), max_seq_length) {}

Encoder::Encoder(const FeatureModelOptions& options, int max_seq_length)
    : loaded_(std::make_shared<const FeatureModel>(load_feature_model(options))),
      max_seq_length_(max_seq_length) {
  const auto positions = static_cast<int>(config().max_position_embeddings);
  if (max_seq_length_ == 0) max_seq_length_ = positions;
  check_length(max_seq_length_, config(), "max_seq_length", loaded_->where);
}

EncodedTexts Encoder::encode(const std::vector<TextPair>& texts) const {
  if (texts.empty()) fail_usage("encode: no texts");
  PackedBatch batch;
  for (size_t i = 0; i < texts.size(); ++i) {
    append_text(tokenizer(), texts[i].a, texts[i].b, max_seq_length_, loaded_->task,
                static_cast<int64_t>(i), batch);
  }
  MultiTaskModel::Reading reading{.pooled = true, .tokens = true};
  for (int layer = 0; layer < config().num_hidden_layers; ++layer) reading.layers.push_back(layer);
  MultiTaskModel::Output output = loaded_->model->forward(batch, reading);
  return {std::move(batch), std::move(output), loaded_->has_pooler};
}

}  // namespace pals
