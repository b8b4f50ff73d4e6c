#include <pals/encoder.h>

#include <numeric>

#include "api/examples.h"
#include "api/rethrow.h"
#include "api/wrapped_tokenizer.h"
#include "features/features.h"
#include "hub/fetch.h"
#include "kernels/device.h"
#include "model/feature_model.h"
#include "model/model_runner.h"
#include "model/open.h"
#include "modules/precision_choice.h"
#include "options/option.h"
#include "predict/run.h"

namespace pals::api {
namespace {

FeatureModel load(const EncoderOptions& options) {
  FeatureModelOptions source;
  source.model = local_model(options.model);
  source.init_checkpoint = local_model(options.init_checkpoint);
  source.bert_config_file = options.bert_config_file;
  source.vocab_file = options.vocab_file;
  source.task = options.task;
  source.do_lower_case = options.do_lower_case;
  source.device = choose_device(read_option<DeviceChoice>("device", options.device));
  source.precision =
      choose_precision(read_option<PrecisionChoice>("precision", options.precision), source.device);
  return load_feature_model(source);
}

EncoderOptions of_folder(const std::string& folder, int max_seq_length) {
  EncoderOptions options;
  options.model = folder;
  options.max_seq_length = max_seq_length;
  return options;
}

}  // namespace

struct EncodedTexts::Content {
  PackedBatch batch;
  RunOutputs outputs;
  int64_t hidden_size = 0;
  bool has_pooler = false;
};

struct Encoder::Loaded {
  explicit Loaded(const EncoderOptions& options)
      : model(load(options)),
        runner(*model.model),
        tokenizer(wrap(*model.tokenizer)),
        max_seq_length(options.max_seq_length),
        batch_size(options.batch_size) {
    const BertConfig& bert = model.model->bert_config();
    check_length(max_seq_length, bert, "max_seq_length", model.where);
    if (max_seq_length == 0) max_seq_length = static_cast<int>(bert.max_position_embeddings);
    if (batch_size < 1) fail_usage("batch_size: ", batch_size, ", expected 1 or more");
  }

  FeatureModel model;
  ModelRunner runner;
  Tokenizer tokenizer;
  int max_seq_length;
  int64_t batch_size;
};

int64_t EncodedTexts::num_texts() const { return content_->batch.num_rows(); }
int64_t EncodedTexts::num_tokens() const { return content_->batch.num_tokens(); }
int EncodedTexts::num_layers() const { return static_cast<int>(content_->outputs.layers.size()); }
int64_t EncodedTexts::hidden_size() const { return content_->hidden_size; }

std::span<const int32_t> EncodedTexts::token_ids(int64_t text) const {
  if (text < 0 || text >= num_texts()) {
    throw UsageError(concat("text ", text, ": ", num_texts(), " were encoded, numbered from 0"));
  }
  const int64_t first = content_->batch.cu_seqlens[static_cast<size_t>(text)];
  const int64_t end = content_->batch.cu_seqlens[static_cast<size_t>(text) + 1];
  return std::span(content_->batch.token_ids)
      .subspan(static_cast<size_t>(first), static_cast<size_t>(end - first));
}

std::span<const float> EncodedTexts::layer(int number) const {
  const int index = number < 0 ? number + num_layers() : number;
  if (index < 0 || index >= num_layers()) {
    throw UsageError(concat("layer ", number, ": the encoder has ", num_layers(),
                            ", numbered from 0; -1 is the last"));
  }
  return content_->outputs.layers[static_cast<size_t>(index)];
}

std::span<const float> EncodedTexts::layer(int number, int64_t text) const {
  const std::span<const int32_t> ids = token_ids(text);
  const auto first = static_cast<size_t>(ids.data() - content_->batch.token_ids.data());
  const auto width = static_cast<size_t>(hidden_size());
  return layer(number).subspan(first * width, ids.size() * width);
}

std::span<const float> EncodedTexts::pooled() const {
  if (!content_->has_pooler) throw Error("the weights have no pooler (pooler.dense)");
  return content_->outputs.vectors;
}

Encoder::Encoder(const std::string& folder, int max_seq_length)
    : Encoder(of_folder(folder, max_seq_length)) {}

Encoder::Encoder(const EncoderOptions& options)
    : loaded_(rethrown([&] { return std::make_shared<const Loaded>(options); })) {}

const Tokenizer& Encoder::tokenizer() const { return loaded_->tokenizer; }
int Encoder::num_layers() const {
  return static_cast<int>(loaded_->model.model->bert_config().num_hidden_layers);
}
int64_t Encoder::hidden_size() const { return loaded_->runner.hidden_size(); }
bool Encoder::has_pooler() const { return loaded_->model.has_pooler; }
bool Encoder::on_gpu() const { return !loaded_->model.model->device().is_cpu(); }

EncodedTexts Encoder::encode(const std::vector<TextPair>& texts) const {
  return rethrown([&] {
    if (texts.empty()) fail_usage("encode: no texts");
    EncodedTexts::Content content{.hidden_size = hidden_size(), .has_pooler = has_pooler()};
    for (size_t i = 0; i < texts.size(); ++i) {
      append_text(*loaded_->model.tokenizer, texts[i].a, texts[i].b, loaded_->max_seq_length,
                  loaded_->model.task, static_cast<int64_t>(i), content.batch);
    }
    Wanted wanted;
    if (has_pooler()) wanted.vectors = pals::VectorOptions{.pooling = pals::Pooling::kPooled};
    wanted.layers.resize(static_cast<size_t>(num_layers()));
    std::iota(wanted.layers.begin(), wanted.layers.end(), 0);
    content.outputs = loaded_->runner.run(content.batch, wanted);
    return EncodedTexts(std::make_shared<const EncodedTexts::Content>(std::move(content)));
  });
}

std::vector<float> Encoder::vectors(const std::vector<TextPair>& texts, Pooling pooling,
                                    bool normalize) const {
  return vectors(texts, {.pooling = pooling, .normalize = normalize});
}

std::vector<float> Encoder::vectors(const std::vector<TextPair>& texts,
                                    const VectorOptions& options) const {
  return rethrown([&] {
    if (options.pooling == Pooling::kPooled && !has_pooler()) {
      fail("the weights have no pooler (pooler.dense); take another pooling");
    }
    const FeatureModel& model = loaded_->model;
    check_length(options.max_seq_length, model.model->bert_config(), "max_seq_length", model.where);
    const int length =
        options.max_seq_length > 0 ? options.max_seq_length : loaded_->max_seq_length;
    const auto rows = std::make_shared<const FeatureSet>(
        make_features(examples_of(texts), *model.tokenizer, length));
    // Both enumerations have one order (api_test.cpp).
    return run_vectors(loaded_->runner, model.task, rows,
                       {static_cast<pals::Pooling>(options.pooling), options.normalize},
                       {.batch_size = loaded_->batch_size, .stop = options.stop});
  });
}

}  // namespace pals::api
