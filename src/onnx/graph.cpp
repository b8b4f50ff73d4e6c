#include "onnx/graph.h"

#include <cstring>

#include "base/error.h"

namespace pals {
namespace {

// Numbers of fields, of kinds of attributes: onnx.proto.
namespace node_field {
constexpr int kInput = 1, kOutput = 2, kName = 3, kOperation = 4, kAttribute = 5;
}
namespace attribute_field {
constexpr int kName = 1, kFloat = 2, kInteger = 3, kIntegers = 8, kType = 20;
constexpr int64_t kIsFloat = 1, kIsInteger = 2, kIsIntegers = 7;
}  // namespace attribute_field
namespace tensor_field {
constexpr int kDims = 1, kDataType = 2, kName = 8, kRawData = 9;
}
namespace graph_field {
constexpr int kNode = 1, kName = 2, kInitializer = 5, kInput = 11, kOutput = 12;
}

Message attribute_message(const OnnxAttribute& attribute) {
  Message message;
  message.add_text(attribute_field::kName, attribute.name);
  if (const auto* number = std::get_if<int64_t>(&attribute.value)) {
    message.add_integer(attribute_field::kInteger, *number);
    message.add_integer(attribute_field::kType, attribute_field::kIsInteger);
  } else if (const auto* real = std::get_if<float>(&attribute.value)) {
    message.add_float(attribute_field::kFloat, *real);
    message.add_integer(attribute_field::kType, attribute_field::kIsFloat);
  } else {
    for (const int64_t one : std::get<std::vector<int64_t>>(attribute.value)) {
      message.add_integer(attribute_field::kIntegers, one);
    }
    message.add_integer(attribute_field::kType, attribute_field::kIsIntegers);
  }
  return message;
}

// ValueInfoProto: name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 { dim_value 1,
// dim_param 2 } } } }.
Message value_message(const std::string& name, OnnxType type, const std::vector<OnnxSize>& shape) {
  Message sizes;
  for (const OnnxSize& size : shape) {
    Message one;
    if (const auto* number = std::get_if<int64_t>(&size)) {
      one.add_integer(1, *number);
    } else {
      one.add_text(2, std::get<std::string>(size));
    }
    sizes.add_message(1, one);
  }
  Message tensor, whole, message;
  tensor.add_integer(1, static_cast<int64_t>(type));
  tensor.add_message(2, sizes);
  whole.add_message(1, tensor);
  message.add_text(1, name);
  message.add_message(2, whole);
  return message;
}

void check_tensor(const TensorEntry& tensor) {
  const int64_t numel = checked_numel(tensor.shape, tensor.dtype);
  const bool fits =
      numel >= 0 && static_cast<uint64_t>(numel) * sizeof(float) == tensor.bytes.size();
  if (tensor.dtype == DType::kF32 && fits) return;
  fail("tensor ", tensor.name, ": ", tensor.bytes.size(), " bytes of type ",
       dtype_name(tensor.dtype), " and shape ", shape_text(tensor.shape), ", expected F32");
}

template <typename Number>
std::string bytes_of(const std::vector<Number>& numbers) {
  std::string bytes(numbers.size() * sizeof(Number), '\0');
  if (!numbers.empty()) std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return bytes;
}

Message tensor_message(const OnnxValue& name, OnnxType type, const std::vector<int64_t>& shape) {
  Message message;
  for (const int64_t size : shape) message.add_integer(tensor_field::kDims, size);
  message.add_integer(tensor_field::kDataType, static_cast<int64_t>(type));
  message.add_text(tensor_field::kName, name);
  return message;
}

}  // namespace

OnnxValue OnnxGraph::add_input(const std::string& name, OnnxType type,
                               const std::vector<OnnxSize>& shape) {
  inputs_.push_back(value_message(name, type, shape));
  return name;
}

void OnnxGraph::add_output(const OnnxValue& value, const std::string& name,
                           const std::vector<OnnxSize>& shape) {
  Message node;
  node.add_text(node_field::kInput, value);
  node.add_text(node_field::kOutput, name);
  node.add_text(node_field::kName, "output." + name);
  node.add_text(node_field::kOperation, "Identity");
  nodes_.push_back(std::move(node));
  outputs_.push_back(value_message(name, OnnxType::kFloat, shape));
}

void OnnxGraph::add_tensor(const OnnxValue& name, OnnxType type, const std::vector<int64_t>& shape,
                           MessageValues values) {
  const auto [place, is_new] = tensor_names_.emplace(name, values.bytes.data());
  if (!is_new && place->second != values.bytes.data()) fail("two tensors of the name ", name);
  if (!is_new) return;
  Message message = tensor_message(name, type, shape);
  message.add_values(tensor_field::kRawData, values);
  tensors_.push_back(std::move(message));
}

OnnxValue OnnxGraph::weight(const TensorEntry& tensor) {
  check_tensor(tensor);
  add_tensor(tensor.name, OnnxType::kFloat, tensor.shape, {tensor.bytes});
  return tensor.name;
}

OnnxValue OnnxGraph::transposed(const TensorEntry& tensor) {
  check_tensor(tensor);
  if (tensor.shape.size() != 2) {
    fail("tensor ", tensor.name, ": shape ", shape_text(tensor.shape), ", expected a matrix");
  }
  OnnxValue name = tensor.name + ".T";
  add_tensor(name, OnnxType::kFloat, {tensor.shape[1], tensor.shape[0]},
             {tensor.bytes, tensor.shape[1]});
  return name;
}

OnnxValue OnnxGraph::add_constant(OnnxType type, const std::vector<int64_t>& shape,
                                  const std::string& bytes) {
  const std::string key = concat(static_cast<int>(type), shape_text(shape), bytes);
  const auto [place, is_new] = constants_.emplace(key, concat("constant.", constants_.size()));
  if (!is_new) return place->second;
  Message message = tensor_message(place->second, type, shape);
  message.add_text(tensor_field::kRawData, bytes);
  tensors_.push_back(std::move(message));
  return place->second;
}

OnnxValue OnnxGraph::integers(const std::vector<int64_t>& numbers) {
  return add_constant(OnnxType::kInt64, {static_cast<int64_t>(numbers.size())}, bytes_of(numbers));
}

OnnxValue OnnxGraph::number(float number) {
  return add_constant(OnnxType::kFloat, {}, bytes_of(std::vector<float>{number}));
}

OnnxValue OnnxGraph::apply(const std::string& operation, const std::vector<OnnxValue>& inputs,
                           const std::vector<OnnxAttribute>& attributes) {
  const std::string kind = scope_ + operation;
  OnnxValue value = concat(kind, ".", counts_[kind]++);
  Message node;
  for (const OnnxValue& input : inputs) node.add_text(node_field::kInput, input);
  node.add_text(node_field::kOutput, value);
  node.add_text(node_field::kName, value);
  node.add_text(node_field::kOperation, operation);
  for (const OnnxAttribute& attribute : attributes) {
    node.add_message(node_field::kAttribute, attribute_message(attribute));
  }
  nodes_.push_back(std::move(node));
  return value;
}

Message OnnxGraph::message(const std::string& name) const {
  Message graph;
  for (const Message& node : nodes_) graph.add_message(graph_field::kNode, node);
  graph.add_text(graph_field::kName, name);
  for (const Message& tensor : tensors_) graph.add_message(graph_field::kInitializer, tensor);
  for (const Message& input : inputs_) graph.add_message(graph_field::kInput, input);
  for (const Message& output : outputs_) graph.add_message(graph_field::kOutput, output);
  return graph;
}

}  // namespace pals
