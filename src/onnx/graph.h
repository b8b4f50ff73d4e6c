// An ONNX graph as it is built: values by name, each made by a node, a weight or the caller.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "checkpoint/tensor_file.h"
#include "onnx/message.h"

namespace pals {

/// The name of a value in a graph.
using OnnxValue = std::string;

/// Types of elements, as ONNX numbers them.
enum class OnnxType { kFloat = 1, kInt64 = 7 };

/// A size, or the name of one that is known only when the graph runs.
using OnnxSize = std::variant<int64_t, std::string>;

struct OnnxAttribute {
  std::string name;
  std::variant<int64_t, float, std::vector<int64_t>> value;
};

/// A graph of one output a node, under the operators of `kOnnxOpset`. Weights are borrowed: they
/// must outlive it. Everything stands in the order of the calls, so that the same calls give the
/// same bytes.
class OnnxGraph {
 public:
  /// Begins the names of nodes and values from now on: "encoder.layer.3.".
  void set_scope(std::string scope) { scope_ = std::move(scope); }

  OnnxValue add_input(const std::string& name, OnnxType type, const std::vector<OnnxSize>& shape);
  /// Gives a value the name of an fp32 output.
  void add_output(const OnnxValue& value, const std::string& name,
                  const std::vector<OnnxSize>& shape);

  /// An fp32 tensor as it is, or, of a matrix, transposed; each once. Throws Error for a tensor of
  /// another type or whose bytes do not fit its shape.
  OnnxValue weight(const TensorEntry& tensor);
  OnnxValue transposed(const TensorEntry& tensor);
  /// Constants: a list of whole numbers, a number.
  OnnxValue integers(const std::vector<int64_t>& numbers);
  OnnxValue number(float number);

  /// A node, and its first output.
  OnnxValue apply(const std::string& operation, const std::vector<OnnxValue>& inputs,
                  const std::vector<OnnxAttribute>& attributes = {});

  /// The GraphProto.
  Message message(const std::string& name) const;

 private:
  void add_tensor(const OnnxValue& name, OnnxType type, const std::vector<int64_t>& shape,
                  MessageValues values);
  OnnxValue add_constant(OnnxType type, const std::vector<int64_t>& shape,
                         const std::string& bytes);

  std::string scope_;
  std::vector<Message> nodes_, tensors_, inputs_, outputs_;
  std::map<std::string, int> counts_;                // of values, by scope and operation
  std::map<std::string, const void*> tensor_names_;  // where the bytes of each lie
  std::map<std::string, OnnxValue> constants_;       // by type, shape and bytes
};

}  // namespace pals
