#include "foreign/hub_head.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "checkpoint/pytorch_file.h"
#include "foreign/head_names.h"
#include "kinds/kind.h"

namespace pals {
namespace {

constexpr const char* kHeadConfig = "/head_config.json";
constexpr const char* kHeadWeights = "/pytorch_model_head.bin";
constexpr const char* kVersion = "adapters.1.3.0";  // whose layout is written
constexpr const char* kModelClass = "BertAdapterModel";

bool reads_tokens(TaskKind kind) { return kind_of(kind).head().reads_tokens; }

std::string output_name(TaskKind kind) { return kind_of(kind).head().name; }

// Their names -> ours, of the two dense layers or the only one.
using Names = std::map<std::string, std::string>;

// A head of the model's own class, such as BertForSequenceClassification with adapters added.
Names static_head(const Json& json, const std::string& model_class, const std::string& where,
                  ForeignAdapter& adapter) {
  const HeadNames* found = find_head(&HeadNames::model_class, model_class);
  if (found == nullptr) {
    fail(where, ": a head of the class ", quote(model_class),
         ", which pals does not have; it reads those of ",
         list_heads(&HeadNames::model_class, "and", kModelClass));
  }
  adapter.task_kind = kind_with_head(found->head, 0);
  if (json.contains("label2id")) {
    const Json& labels = json["label2id"];
    adapter.labels = labels_from(labels, std::ssize(labels));
  }
  return {{"classifier.weight", "classifier.weight"}, {"classifier.bias", "classifier.bias"}};
}

// Of a model with heads by name.
Names flexible_head(const Json& json, const std::string& where, ForeignAdapter& adapter) {
  const Json& config = object_at(json, "config", where);
  const std::string type = text_at(config, "head_type", "", where);
  const HeadNames* found = find_head(&HeadNames::hub, type);
  if (found == nullptr) {
    fail(where, ": \"head_type\" is ", quote(type), ", which pals does not have");
  }
  adapter.task_kind = kind_with_head(found->head, 0);
  const int64_t layers = count_at(config, "layers", 1, where);
  const bool pooler = flag_at(config, "use_pooler", false, where);
  if (!flag_at(config, "bias", true, where)) {
    fail(where, ": \"bias\" is false: pals does not have heads without a bias");
  }
  const std::string name = text_at(json, "name", "", where);
  const std::string prefix = concat("heads.", name, ".");
  const std::string last = output_name(adapter.task_kind);
  if (config.contains("label2id")) {
    const Json& labels = config["label2id"];
    adapter.labels = labels_from(labels, std::ssize(labels));
  }
  const bool whole_pooler = layers == 1 && pooler && !reads_tokens(adapter.task_kind);
  if (whole_pooler || (layers == 1 && reads_tokens(adapter.task_kind))) {
    return {{prefix + "1.weight", last + ".weight"}, {prefix + "1.bias", last + ".bias"}};
  }
  const std::string activation = text_at(config, "activation_function", "", where);
  if (layers == 2 && !pooler && !reads_tokens(adapter.task_kind) && activation == "tanh") {
    adapter.task_pooler = true;
    return {{prefix + "1.weight", "pooler.dense.weight"},
            {prefix + "1.bias", "pooler.dense.bias"},
            {prefix + "4.weight", last + ".weight"},
            {prefix + "4.bias", last + ".bias"}};
  }
  fail(
      where, ": a head of ", counted(static_cast<int64_t>(layers), "layer"),
      pooler ? " on the pooler" : "", activation.empty() ? "" : " with " + quote(activation),
      ": pals does not have it; it has one layer on the pooler (of tokens: on their outputs), and ",
      "two with tanh that do without");
}

}  // namespace

void add_hub_head(const Json& json, const TensorFile& weights, const std::string& where,
                  ForeignAdapter& adapter) {
  if (!json.is_object()) fail(where, ": expected a JSON object");
  const auto config = json.find("config");
  const bool flexible = config != json.end() && !config->is_null();
  const Names names =
      flexible ? flexible_head(json, where, adapter)
               : static_head(json, text_at(json, "model_class", "", where), where, adapter);
  std::vector<std::string> unknown;
  for (const TensorEntry& tensor : weights.tensors()) {
    const auto name = names.find(tensor.name);
    if (name == names.end()) {
      unknown.push_back(tensor.name);
    } else {
      adapter.tensors.push_back(renamed(tensor, name->second));
    }
  }
  if (!unknown.empty()) {
    fail(where, ": tensors for which pals has no place: ", few_names(unknown));
  }
  const std::string output = output_name(adapter.task_kind) + ".weight";
  const auto found = std::ranges::find(adapter.tensors, output, &TensorEntry::name);
  if (found == adapter.tensors.end() || names.size() > weights.tensors().size()) {
    fail(where, ": tensors of the head are missing; it needs ", names.size());
  }
  adapter.num_outputs = matrix_shape(*found, where).first;
  if (!adapter.hidden_size) adapter.hidden_size = matrix_shape(*found, where).second;
  if (std::ssize(adapter.labels) != adapter.num_outputs) adapter.labels.clear();
  adapter.task_kind =
      kind_with_head(kind_of(adapter.task_kind).foreign_head(), adapter.num_outputs);
}

Json hub_description(const ForeignAdapter& adapter) {
  return {{"name", adapter.name},
          {"model_type", "bert"},
          {"model_class", kModelClass},
          {"model_name", adapter.base},
          {"hidden_size", *adapter.hidden_size},
          {"version", kVersion}};
}

void write_hub_head(const std::string& path, const ForeignAdapter& adapter) {
  const TaskKind kind = adapter.task_kind;
  const HeadNames& names = head_names(kind);
  if (names.hub == nullptr) {
    fail("AdapterHub's package has no head for a task of the kind ", kind_name(kind));
  }
  const bool two = adapter.task_pooler && !reads_tokens(kind);
  Json labels;
  for (size_t i = 0; i < adapter.labels.size(); ++i) labels[adapter.labels[i]] = i;
  Json config = {{"head_type", names.hub},
                 {"layers", two ? 2 : 1},
                 {"activation_function", "tanh"},
                 {"label2id", labels},
                 {"dropout_prob", nullptr}};
  if (names.hub_counts_choices) {
    config["num_choices"] = 2;  // of any number; the package wants one
  } else {
    config["num_labels"] = adapter.num_outputs;
  }
  if (!reads_tokens(kind)) config["use_pooler"] = !two;
  if (!reads_tokens(kind) && !names.hub_counts_choices) config["bias"] = true;
  Json json = hub_description(adapter);
  json["config"] = config;

  const std::string prefix = concat("heads.", adapter.name, ".");
  std::vector<TensorEntry> tensors;
  for (const TensorEntry& tensor : adapter.tensors) {
    const std::string part = tensor.name.ends_with(".bias") ? "bias" : "weight";
    if (tensor.name.starts_with("pooler.")) {
      if (two) tensors.push_back(renamed(tensor, concat(prefix, "1.", part)));
    } else if (!tensor.name.starts_with("layer.")) {
      tensors.push_back(renamed(tensor, concat(prefix, two ? "4." : "1.", part)));
    }
  }
  make_directories(path);
  write_pytorch_file(path + kHeadWeights, tensors);
  write_file_atomically(path + kHeadConfig, json_text(json));
}

}  // namespace pals
