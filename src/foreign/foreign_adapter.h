// An adapter with its head as other packages keep them in folders, in our words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "checkpoint/tensor_file.h"
#include "tasks/task_kind.h"

namespace pals {

/// What was read, or is to be written. Names of settings are those of a task's "adapter" object.
struct ForeignAdapter {
  std::string name;                    ///< within its package; peft has none
  std::string base;                    ///< the model it was trained on, as the package names it
  std::optional<int64_t> hidden_size;  ///< of that model, if the folder says it

  std::string kind;  ///< lora or bottleneck
  int64_t size = 0;  ///< of lora its rank
  double alpha = 0.0;
  std::vector<std::string> targets;
  std::string activation, reads;
  std::vector<std::string> after;
  std::vector<int> layers;
  bool task_pooler = false;

  TaskKind task_kind = {};
  int64_t num_outputs = 0;
  std::vector<std::string> labels;  ///< in the order of the outputs; empty: not named

  /// Named as in a task's folder: `layer.0.attention.self.query.lora_A.weight`,
  /// `classifier.weight`. They point into the files that were read, or memory of theirs.
  std::vector<TensorEntry> tensors;
  std::vector<std::string> notes;  ///< what is of no consequence here, for the user
};

/// A dense layer of an encoder layer that can have a low-rank term.
struct DenseLayer {
  std::string_view target;  ///< query, key, ...
  std::string_view name;    ///< attention.self.query, ...
};
const std::vector<DenseLayer>& dense_layers();

/// A name below an encoder layer: "[bert.]encoder.layer.3.REST". Nothing for other names, and for
/// layers beyond 1023.
struct LayerName {
  int layer = 0;
  std::string_view rest;
};
std::optional<LayerName> layer_name(std::string_view name);

/// A tensor under another name.
TensorEntry renamed(const TensorEntry& tensor, std::string name);

/// The sizes of a matrix. Throws Error, naming the tensor, if it is none.
std::pair<int64_t, int64_t> matrix_shape(const TensorEntry& tensor, const std::string& where);

/// The names with commas between; of many the first few.
std::string few_names(const std::vector<std::string>& names);

// Values of a configuration, with Error that names the key where they are of another type.
const Json& object_at(const Json& json, const char* key, const std::string& where);
/// Missing and null: `usual`.
std::string text_at(const Json& json, const char* key, const std::string& usual,
                    const std::string& where);
bool flag_at(const Json& json, const char* key, bool usual, const std::string& where);
double number_at(const Json& json, const char* key, double usual, const std::string& where);
int64_t count_at(const Json& json, const char* key, int64_t usual, const std::string& where);

/// Whether a value says nothing: null, false, zero, empty.
bool is_nothing(const Json& value);

/// Labels by output number out of {label: number}; empty if there is none, the numbers are not 0,
/// 1, ..., or the names are LABEL_0 and the like. `num_outputs`: how many there must be.
std::vector<std::string> labels_from(const Json& label2id, int64_t num_outputs);

}  // namespace pals
