#include "bert/config.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr std::array<std::pair<const char*, Activation>, 6> kActivations = {{
    {"gelu", Activation::kGelu},
    {"gelu_new", Activation::kGeluNew},
    {"gelu_pytorch_tanh", Activation::kGeluNew},
    {"relu", Activation::kRelu},
    {"silu", Activation::kSilu},
    {"swish", Activation::kSilu},
}};

// What transformers and Google's releases write beside the architecture; nothing here depends on
// it.
const std::vector<std::string>& metadata_keys() {
  static const std::vector<std::string> keys = {
      "_name_or_path",
      "_attn_implementation_autoset",
      "_num_labels",
      "add_cross_attention",
      "architectures",
      "attn_implementation",
      "auto_map",
      "bos_token_id",
      "chunk_size_feed_forward",
      "classifier_dropout",
      "cross_attention_hidden_size",
      "decoder_start_token_id",
      "directionality",
      "dtype",
      "eos_token_id",
      "finetuning_task",
      "gradient_checkpointing",
      "id2label",
      "is_encoder_decoder",
      "label2id",
      "language",
      "model_type",
      "name",
      "num_labels",
      "output_attentions",
      "output_hidden_states",
      "output_past",
      "pad_token_id",
      "pooler_fc_size",
      "pooler_num_attention_heads",
      "pooler_num_fc_layers",
      "pooler_size_per_head",
      "pooler_type",
      "prefix",
      "problem_type",
      "pruned_heads",
      "return_dict",
      "sep_token_id",
      "task_specific_params",
      "tie_encoder_decoder",
      "tie_word_embeddings",
      "tokenizer_class",
      "torch_dtype",
      "torchscript",
      "transformers_version",
      "use_bfloat16",
      "use_cache",
  };
  return keys;
}

class Reader {
 public:
  Reader(const Json& json, const std::string& where) : json_(json), where_(where) {}

  void size(const char* key, int64_t& value, int64_t limit, bool required) {
    known_.emplace_back(key);
    const auto it = json_.find(key);
    if (it == json_.end()) {
      if (required) fail(where_, ": missing key \"", key, "\"");
      return;
    }
    if (!it->is_number_integer()) fail_value(key, "a whole number");
    value = it->get<int64_t>();
    if (value < 1 || value > limit) fail_value(key, concat("a number from 1 to ", limit));
  }

  void number(const char* key, double& value, double low, double high) {
    known_.emplace_back(key);
    const auto it = json_.find(key);
    if (it == json_.end()) return;
    if (!it->is_number()) fail_value(key, "a number");
    value = it->get<double>();
    if (!(value >= low && value <= high)) {
      fail_value(key, concat("a number from ", low, " to ", high));
    }
  }

  void activation(const char* key, Activation& value) {
    known_.emplace_back(key);
    const auto it = json_.find(key);
    if (it == json_.end()) return;
    for (const auto& [name, activation] : kActivations) {
      if (it->is_string() && it->get<std::string>() == name) {
        value = activation;
        return;
      }
    }
    fail_value(key, "one of gelu, gelu_new, relu, silu");
  }

  void absolute_positions(const char* key) {
    known_.emplace_back(key);
    const auto it = json_.find(key);
    if (it != json_.end() && *it != "absolute") fail_value(key, "\"absolute\"");
  }

  void no_decoder(const char* key) {
    known_.emplace_back(key);
    const auto it = json_.find(key);
    if (it != json_.end() && *it != false) fail_value(key, "false: this is an encoder");
  }

  void refuse_unknown(const std::vector<std::string>& other_keys) {
    known_.insert(known_.end(), other_keys.begin(), other_keys.end());
    std::vector<std::string> unknown;
    for (const auto& item : json_.items()) {
      const auto is_key = [&](const std::vector<std::string>& keys) {
        return std::find(keys.begin(), keys.end(), item.key()) != keys.end();
      };
      if (!is_key(known_) && !is_key(metadata_keys())) unknown.push_back(item.key());
    }
    if (unknown.empty()) return;
    fail(where_, ": unknown key", unknown.size() > 1 ? "s " : " ", join(unknown, ", "),
         did_you_mean(unknown.front(), known_));
  }

 private:
  [[noreturn]] void fail_value(const char* key, const std::string& expected) {
    fail(where_, ": \"", key, "\" is ", json_.at(key).dump(), ", expected ", expected);
  }

  const Json& json_;
  const std::string& where_;
  std::vector<std::string> known_;
};

}  // namespace

BertConfig parse_bert_config(const Json& json, const std::string& where,
                             const std::vector<std::string>& other_keys) {
  if (!json.is_object()) fail(where, ": expected a JSON object");
  BertConfig config;
  Reader reader(json, where);
  reader.size("vocab_size", config.vocab_size, int64_t{1} << 24, true);
  reader.size("hidden_size", config.hidden_size, 1 << 15, true);
  reader.size("num_hidden_layers", config.num_hidden_layers, 1024, true);
  reader.size("num_attention_heads", config.num_attention_heads, 1024, true);
  reader.size("intermediate_size", config.intermediate_size, 1 << 18, true);
  reader.size("max_position_embeddings", config.max_position_embeddings, 1 << 16, false);
  reader.size("type_vocab_size", config.type_vocab_size, 1 << 16, false);
  reader.activation("hidden_act", config.hidden_act);
  reader.number("hidden_dropout_prob", config.hidden_dropout_prob, 0.0, 0.99);
  reader.number("attention_probs_dropout_prob", config.attention_probs_dropout_prob, 0.0, 0.99);
  reader.number("initializer_range", config.initializer_range, 0.0, 10.0);
  reader.number("layer_norm_eps", config.layer_norm_eps, 0.0, 0.1);
  reader.absolute_positions("position_embedding_type");
  reader.no_decoder("is_decoder");
  reader.refuse_unknown(other_keys);
  if (config.hidden_size % config.num_attention_heads != 0) {
    fail(where, ": hidden_size ", config.hidden_size, " is not a multiple of num_attention_heads ",
         config.num_attention_heads);
  }
  return config;
}

Json bert_config_to_json(const BertConfig& config) {
  return Json{{"architectures", {"BertModel"}},
              {"model_type", "bert"},
              {"vocab_size", config.vocab_size},
              {"hidden_size", config.hidden_size},
              {"num_hidden_layers", config.num_hidden_layers},
              {"num_attention_heads", config.num_attention_heads},
              {"intermediate_size", config.intermediate_size},
              {"hidden_act", activation_name(config.hidden_act)},
              {"hidden_dropout_prob", config.hidden_dropout_prob},
              {"attention_probs_dropout_prob", config.attention_probs_dropout_prob},
              {"max_position_embeddings", config.max_position_embeddings},
              {"type_vocab_size", config.type_vocab_size},
              {"initializer_range", config.initializer_range},
              {"layer_norm_eps", config.layer_norm_eps},
              {"position_embedding_type", "absolute"}};
}

const char* activation_name(Activation activation) {
  for (const auto& [name, value] : kActivations) {
    if (value == activation) return name;
  }
  return "gelu";
}

}  // namespace pals
