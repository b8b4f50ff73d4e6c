#include "export/sentence_transformers.h"

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "export/transformers.h"

namespace pals {
namespace {

// The list of modules as it grows, and where each has its files.
class Modules {
 public:
  explicit Modules(std::string folder) : folder_(std::move(folder)) {}

  /// The folder of a module of that class; the first module's is the model's own.
  std::string add(const std::string& class_name) {
    const size_t number = modules_.size();
    const std::string path = number == 0 ? "" : concat(number, "_", class_name);
    modules_.push_back(Json{{"idx", number},
                            {"name", std::to_string(number)},
                            {"path", path},
                            {"type", "sentence_transformers.models." + class_name}});
    const std::string place = number == 0 ? folder_ : concat(folder_, "/", path);
    make_directories(place);
    return place;
  }

  void write() const { write_file_atomically(folder_ + "/modules.json", json_text(modules_)); }

 private:
  std::string folder_;
  Json modules_ = Json::array();
};

void write_pooling(const std::string& folder, int64_t hidden_size, Pooling pooling) {
  const bool first = pooling == Pooling::kCls || pooling == Pooling::kPooled;
  write_file_atomically(folder + kConfigFile,
                        json_text(Json{{"word_embedding_dimension", hidden_size},
                                       {"pooling_mode_cls_token", first},
                                       {"pooling_mode_mean_tokens", pooling == Pooling::kMean},
                                       {"pooling_mode_max_tokens", pooling == Pooling::kMax},
                                       {"pooling_mode_mean_sqrt_len_tokens", false},
                                       {"pooling_mode_weightedmean_tokens", false},
                                       {"pooling_mode_lasttoken", false},
                                       {"include_prompt", true}}));
}

// BERT's pooler as a module behind the pooling: tanh(dense(first token)).
void write_pooler(const std::string& folder, const ExportedModel& model,
                  const std::string& pooler) {
  const int64_t size = model.bert().hidden_size;
  write_file_atomically(
      folder + kConfigFile,
      json_text(Json{{"in_features", size},
                     {"out_features", size},
                     {"bias", true},
                     {"activation_function", "torch.nn.modules.activation.Tanh"}}));
  std::vector<TensorEntry> tensors;
  for (const char* part : {"weight", "bias"}) {
    tensors.push_back(model.tensor(pooler + part));
    tensors.back().name = concat("linear.", part);
  }
  write_safetensors(folder + kWeightsFile, tensors, {{"format", "pt"}});
}

// The pooler of the task, or the shared one.
std::string pooler_of(const ExportedModel& model, const ExportedTask& task) {
  if (task) return model.pooler(*task);
  return model.find("pooler.dense.weight") != nullptr ? "pooler.dense." : "";
}

}  // namespace

void write_sentence_transformers_files(const std::string& folder, const ExportedModel& model,
                                       const ExportedTask& task, const SentenceSettings& settings) {
  const std::string pooler = pooler_of(model, task);
  if (settings.pooling == Pooling::kPooled && pooler.empty()) {
    fail("the model has no pooler (pooler.dense); take --pooling cls, mean or max");
  }
  Modules modules(folder);
  write_transformers_files(modules.add("Transformer"), model, task, ExportedPart::kEncoder);
  write_file_atomically(folder + "/sentence_bert_config.json",
                        json_text(Json{{"max_seq_length", model.description().max_seq_length},
                                       {"do_lower_case", false}}));  // the tokenizer's business
  write_file_atomically(folder + "/config_sentence_transformers.json",
                        json_text(Json{{"prompts", Json::object()},
                                       {"default_prompt_name", nullptr},
                                       {"similarity_fn_name", "cosine"}}));
  write_pooling(modules.add("Pooling"), model.bert().hidden_size, settings.pooling);
  if (settings.pooling == Pooling::kPooled) {
    write_pooler(modules.add("Dense"), model, pooler);
  }
  if (settings.normalize) modules.add("Normalize");
  modules.write();
}

}  // namespace pals
