// Runs an ONNX file with LibTorch's operators, so that tests see what its graph computes: the
// operators that exports have, no more.
#pragma once

#include <ATen/ATen.h>

#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/wire.h"

namespace pals::testing {

using OnnxValues = std::map<std::string, at::Tensor>;

/// The fields of a message with this number.
inline std::vector<ProtoField> proto_fields(std::string_view message, uint64_t id) {
  static const std::string where = "ONNX";
  WireReader reader(message, where);
  std::vector<ProtoField> fields;
  while (!reader.at_end()) {
    const ProtoField field = take_proto_field(reader, where);
    if (field.id == id) fields.push_back(field);
  }
  return fields;
}

inline std::vector<std::string> proto_texts(std::string_view message, uint64_t id) {
  std::vector<std::string> texts;
  for (const ProtoField& field : proto_fields(message, id)) texts.emplace_back(field.bytes);
  return texts;
}

/// A node, read.
struct OnnxNode {
  std::string operation;
  std::vector<std::string> inputs, outputs;
  std::map<std::string, std::vector<int64_t>> integers;  // attributes
  std::map<std::string, float> floats;
};

inline OnnxNode parse_onnx_node(std::string_view message) {
  OnnxNode node{proto_texts(message, 4).at(0), proto_texts(message, 1), proto_texts(message, 2)};
  for (const std::string& attribute : proto_texts(message, 5)) {
    const std::string name = proto_texts(attribute, 1).at(0);
    for (const ProtoField& real : proto_fields(attribute, 2)) {
      const auto bits = static_cast<uint32_t>(real.number);
      std::memcpy(&node.floats[name], &bits, sizeof(bits));
    }
    for (const uint64_t id : {3, 8}) {
      for (const ProtoField& number : proto_fields(attribute, id)) {
        node.integers[name].push_back(static_cast<int64_t>(number.number));
      }
    }
  }
  return node;
}

inline at::Tensor parse_onnx_tensor(std::string_view message) {
  std::vector<int64_t> shape;
  for (const ProtoField& size : proto_fields(message, 1)) {
    shape.push_back(static_cast<int64_t>(size.number));
  }
  const bool floats = proto_fields(message, 2).at(0).number == 1;
  at::Tensor tensor = at::empty(shape, floats ? at::kFloat : at::kLong);
  const std::string_view bytes = proto_fields(message, 9).at(0).bytes;
  if (bytes.size() != tensor.nbytes()) throw Error("a tensor of another size");
  std::memcpy(tensor.mutable_data_ptr(), bytes.data(), bytes.size());
  return tensor;
}

inline std::vector<int64_t> numbers_of(const at::Tensor& tensor) {
  const int64_t* data = tensor.const_data_ptr<int64_t>();
  return {data, data + tensor.numel()};
}

inline at::Tensor gather(const at::Tensor& x, const at::Tensor& indices, int64_t axis) {
  std::vector<int64_t> shape = x.sizes().vec();
  shape.erase(shape.begin() + axis);
  const auto sizes = indices.sizes();
  shape.insert(shape.begin() + axis, sizes.begin(), sizes.end());
  return x.index_select(axis, indices.flatten()).reshape(shape);
}

inline at::Tensor reshape(const at::Tensor& x, std::vector<int64_t> shape) {
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) shape[i] = x.size(static_cast<int64_t>(i));
  }
  return x.reshape(shape);
}

inline at::Tensor run_onnx_node(const OnnxNode& node, const std::vector<at::Tensor>& x) {
  const auto axis = [&] {
    const auto found = node.integers.find("axis");
    return found == node.integers.end() ? 0 : found->second.at(0);
  };
  using Operator = std::function<at::Tensor()>;
  const std::map<std::string, Operator> operators = {
      {"Add", [&] { return x[0] + x[1]; }},
      {"Sub", [&] { return x[0] - x[1]; }},
      {"Mul", [&] { return x[0] * x[1]; }},
      {"MatMul", [&] { return at::matmul(x[0], x[1]); }},
      {"Cast", [&] { return x[0].to(at::kFloat); }},
      {"Identity", [&] { return x[0]; }},
      {"Erf", [&] { return at::erf(x[0]); }},
      {"Tanh", [&] { return at::tanh(x[0]); }},
      {"Relu", [&] { return at::relu(x[0]); }},
      {"Sigmoid", [&] { return at::sigmoid(x[0]); }},
      {"Softmax", [&] { return at::softmax(x[0], axis()); }},
      {"Transpose", [&] { return x[0].permute(node.integers.at("perm")); }},
      {"Reshape", [&] { return reshape(x[0], numbers_of(x[1])); }},
      {"Gather", [&] { return gather(x[0], x[1], axis()); }},
      {"Squeeze", [&] { return x[0].squeeze(numbers_of(x[1]).at(0)); }},
      {"Unsqueeze",
       [&] {
         at::Tensor y = x[0];
         for (const int64_t place : numbers_of(x[1])) y = y.unsqueeze(place);
         return y;
       }},
      {"Shape",
       [&] {
         const int64_t size = x[0].size(node.integers.at("start").at(0));
         return at::full({1}, size, at::kLong);
       }},
      {"Slice",
       [&] {
         const int64_t first = numbers_of(x[1]).at(0), last = numbers_of(x[2]).at(0);
         return x[0].slice(numbers_of(x[3]).at(0), first, last);
       }},
      {"LayerNormalization", [&] {
         return at::layer_norm(x[0], x[1].sizes(), x[1], x[2],
                               static_cast<double>(node.floats.at("epsilon")));
       }}};
  return operators.at(node.operation)();
}

/// All values of the graph. Throws std::out_of_range for a value that nothing defines before it is
/// read, Error for one that is defined twice.
inline OnnxValues run_onnx(const std::string& path, OnnxValues values) {
  const MappedFile file(path);
  const std::string graph = proto_texts(file.bytes(), 7).at(0);
  const auto define = [&](const std::string& name, at::Tensor value) {
    if (!values.emplace(name, std::move(value)).second) throw Error("defined twice: " + name);
  };
  for (const std::string& tensor : proto_texts(graph, 5)) {
    define(proto_texts(tensor, 8).at(0), parse_onnx_tensor(tensor));
  }
  for (const std::string& input : proto_texts(graph, 11)) values.at(proto_texts(input, 1).at(0));
  for (const std::string& text : proto_texts(graph, 1)) {
    const OnnxNode node = parse_onnx_node(text);
    std::vector<at::Tensor> inputs;
    for (const std::string& name : node.inputs) inputs.push_back(values.at(name));
    define(node.outputs.at(0), run_onnx_node(node, inputs));
  }
  return values;
}

/// The names of the graph's outputs.
inline std::vector<std::string> onnx_outputs(const std::string& path) {
  const MappedFile file(path);
  std::vector<std::string> names;
  for (const std::string& value : proto_texts(proto_texts(file.bytes(), 7).at(0), 12)) {
    names.push_back(proto_texts(value, 1).at(0));
  }
  return names;
}

}  // namespace pals::testing
