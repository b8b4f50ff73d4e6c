#include "foreign/foreign_adapter.h"

#include <algorithm>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr int64_t kMostLayers = 1024;

[[noreturn]] void fail_type(const std::string& where, const char* key, const Json& value,
                            const char* wanted) {
  fail(where, ": ", quote(key), " is ", quote(json_text(value, -1)), ", expected ", wanted);
}

const Json* given(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

}  // namespace

const std::vector<DenseLayer>& dense_layers() {
  static const std::vector<DenseLayer> layers = {
      {"query", "attention.self.query"},      {"key", "attention.self.key"},
      {"value", "attention.self.value"},      {"attention_output", "attention.output.dense"},
      {"intermediate", "intermediate.dense"}, {"output", "output.dense"}};
  return layers;
}

std::optional<LayerName> layer_name(std::string_view name) {
  for (const std::string_view prefix : {"bert.", "encoder.layer."}) {
    if (name.starts_with(prefix)) {
      name.remove_prefix(prefix.size());
    } else if (prefix == "encoder.layer.") {
      return std::nullopt;
    }
  }
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::optional<int64_t> layer = parse_int(name.substr(0, dot));
  if (!layer || *layer < 0 || *layer >= kMostLayers) return std::nullopt;
  return LayerName{static_cast<int>(*layer), name.substr(dot + 1)};
}

TensorEntry renamed(const TensorEntry& tensor, std::string name) {
  TensorEntry other = tensor;
  other.name = std::move(name);
  return other;
}

std::pair<int64_t, int64_t> matrix_shape(const TensorEntry& tensor, const std::string& where) {
  if (tensor.shape.size() != 2 || tensor.shape[0] < 1 || tensor.shape[1] < 1) {
    fail(where, ": ", quote(tensor.name, 160), " has the shape ", shape_text(tensor.shape),
         ", expected a matrix");
  }
  return {tensor.shape[0], tensor.shape[1]};
}

std::string few_names(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  std::string text;
  for (size_t i = 0; i < std::min(kShown, names.size()); ++i) {
    text += (i > 0 ? ", " : "") + quote(names[i]);
  }
  return names.size() > kShown ? concat(text, " and ", names.size() - kShown, " more") : text;
}

const Json& object_at(const Json& json, const char* key, const std::string& where) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_object()) fail(where, ": no object ", quote(key));
  return *found;
}

std::string text_at(const Json& json, const char* key, const std::string& usual,
                    const std::string& where) {
  const Json* value = given(json, key);
  if (value == nullptr) return usual;
  if (!value->is_string()) fail_type(where, key, *value, "a text");
  return value->get<std::string>();
}

bool flag_at(const Json& json, const char* key, bool usual, const std::string& where) {
  const Json* value = given(json, key);
  if (value == nullptr) return usual;
  if (!value->is_boolean()) fail_type(where, key, *value, "true or false");
  return value->get<bool>();
}

double number_at(const Json& json, const char* key, double usual, const std::string& where) {
  const Json* value = given(json, key);
  if (value == nullptr) return usual;
  if (!value->is_number()) fail_type(where, key, *value, "a number");
  return value->get<double>();
}

int64_t count_at(const Json& json, const char* key, int64_t usual, const std::string& where) {
  const Json* value = given(json, key);
  if (value == nullptr) return usual;
  if (!value->is_number_integer() || *value < 0 || *value > 1 << 20) {
    fail_type(where, key, *value, "a whole number");
  }
  return value->get<int64_t>();
}

bool is_nothing(const Json& value) {
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value == 0;
  return value.is_null() || value.empty() || value == "";
}

std::vector<std::string> labels_from(const Json& label2id, int64_t num_outputs) {
  if (!label2id.is_object() || std::ssize(label2id) != num_outputs) return {};
  std::vector<std::string> labels(label2id.size());
  for (const auto& [label, number] : label2id.items()) {
    if (!number.is_number_integer() || number < 0 || number >= num_outputs) return {};
    std::string& place = labels[number.get<size_t>()];
    if (!place.empty() || label.empty() || label.starts_with("LABEL_") || parse_int(label)) {
      return {};
    }
    place = label;
  }
  return labels;
}

}  // namespace pals
