#include "bert/config.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "base/log.h"
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
      "label2id",
      "language",
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

// What other networks have: anything but none, false, 0 or empty says that this is one of them.
constexpr std::array kSwitches = {"is_decoder",
                                  "is_encoder_decoder",
                                  "add_cross_attention",
                                  "pruned_heads",
                                  "quantization_config",
                                  "relative_attention",
                                  "rotary_value",
                                  "rope_theta",
                                  "rope_scaling",
                                  "num_experts",
                                  "num_hidden_groups",
                                  "alibi_starting_size",
                                  "use_rms_norm",
                                  "use_bottleneck",
                                  "add_adapter",
                                  "normalize_before",
                                  "pre_norm",
                                  "attention_window"};

constexpr size_t kKeysShown = 6;
constexpr size_t kShortestMeant = 6;
constexpr size_t kKeyShown = 30;
constexpr size_t kValueShown = 60;

bool says_nothing(const Json& value) {
  return value.is_null() || value == false || value == 0 || value == "" ||
         (value.is_structured() && value.empty());
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

  /// Another network than BERT's is refused, by whatever key says so.
  void same_network(const BertConfig& config) {
    known_.emplace_back("model_type");
    const auto type = json_.find("model_type");
    if (type != json_.end() && !type->is_null() && *type != "bert") {
      fail_value("model_type", "\"bert\"");
    }
    for (const char* key : kSwitches) {
      known_.emplace_back(key);
      const auto it = json_.find(key);
      if (it != json_.end() && !says_nothing(*it)) fail_value(key, "none: BERT has no such part");
    }
    const std::pair<const char*, int64_t> sizes[] = {
        {"emb_size", config.hidden_size},
        {"embedding_size", config.hidden_size},
        {"num_key_value_heads", config.num_attention_heads},
        {"attention_head_size", config.head_size()},
        {"head_dim", config.head_size()}};
    for (const auto& [key, expected] : sizes) {
      known_.emplace_back(key);
      const auto it = json_.find(key);
      if (it != json_.end() && !says_nothing(*it) && *it != expected) {
        fail_value(key, std::to_string(expected));
      }
    }
  }

  /// Keys of other tools are passed over, with a line on stderr.
  void pass_over(const std::vector<std::string>& other_keys) {
    known_.insert(known_.end(), other_keys.begin(), other_keys.end());
    std::vector<std::string> unknown;
    for (const auto& item : json_.items()) {
      const auto is_key = [&](const std::vector<std::string>& keys) {
        return std::find(keys.begin(), keys.end(), item.key()) != keys.end();
      };
      if (!is_key(known_) && !is_key(metadata_keys())) unknown.push_back(item.key());
    }
    if (unknown.empty()) return;
    // A slip of the pen in a key of ours would change the network. Short ones ("top") are near to
    // too many others ("top_k").
    std::erase_if(known_, [](const std::string& key) { return key.size() < kShortestMeant; });
    for (const std::string& key : unknown) {
      const std::string meant = did_you_mean(key, known_);
      if (!meant.empty()) fail(where_, ": unknown key ", quote(key), meant);
    }
    std::vector<std::string> shown;
    for (const std::string& key : unknown) {
      if (shown.size() < kKeysShown) shown.push_back(quote(key, kKeyShown));
    }
    const size_t more = unknown.size() - shown.size();
    log_info(where_, ": not used: ", join(shown, ", "),
             more > 0 ? concat(" and ", more, " more") : "");
  }

 private:
  [[noreturn]] void fail_value(const char* key, const std::string& expected) {
    std::string found = json_.at(key).dump(-1, ' ', true);
    if (found.size() > kValueShown) found = found.substr(0, kValueShown) + "...";
    fail(where_, ": \"", key, "\" is ", found, ", expected ", expected);
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
  if (config.hidden_size % config.num_attention_heads != 0) {
    fail(where, ": hidden_size ", config.hidden_size, " is not a multiple of num_attention_heads ",
         config.num_attention_heads);
  }
  reader.same_network(config);
  reader.pass_over(other_keys);
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
