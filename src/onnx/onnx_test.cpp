// What is written, read back field by field.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/wire.h"
#include "onnx/model_file.h"

namespace pals {
namespace {

const std::string kWhere = "test";

std::string bytes_of(const Message& message) {
  std::string bytes;
  message.write([&](std::string_view part) { bytes += part; });
  EXPECT_EQ(bytes.size(), message.size());
  return bytes;
}

/// The fields of a message, in their order.
std::vector<ProtoField> fields_of(std::string_view bytes) {
  WireReader reader(bytes, kWhere);
  std::vector<ProtoField> fields;
  while (!reader.at_end()) fields.push_back(take_proto_field(reader, kWhere));
  return fields;
}

/// Those with this number.
std::vector<ProtoField> fields_of(std::string_view bytes, uint64_t id) {
  std::vector<ProtoField> fields = fields_of(bytes);
  std::erase_if(fields, [&](const ProtoField& field) { return field.id != id; });
  return fields;
}

std::string text_of(std::string_view bytes, uint64_t id) {
  const std::vector<ProtoField> fields = fields_of(bytes, id);
  return fields.empty() ? "" : std::string(fields.front().bytes);
}

std::vector<float> floats_of(std::string_view bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

MessageValues values_of(const std::vector<float>& values, int64_t columns = 0) {
  return {std::as_bytes(std::span(values)), columns};
}

TEST(OnnxMessage, FieldsComeBack) {
  const std::vector<float> values = {1, 2, 3};
  Message inner, message;
  inner.add_text(1, "in");
  inner.add_values(9, values_of(values));
  inner.add_integer(2, 300);
  message.add_integer(1, -1);
  message.add_float(2, 0.5F);
  message.add_message(200, inner);
  message.add_message(4, Message());
  message.add_text(5, "");
  const std::string bytes = bytes_of(message);
  const std::vector<ProtoField> fields = fields_of(bytes);
  ASSERT_EQ(fields.size(), 5u);
  EXPECT_EQ(fields[0].number, ~uint64_t{0});
  EXPECT_EQ(fields[1].number, 0x3f000000u);
  EXPECT_EQ(fields[2].id, 200u);
  EXPECT_EQ(text_of(fields[2].bytes, 1), "in");
  EXPECT_EQ(floats_of(fields_of(fields[2].bytes, 9)[0].bytes), values);
  EXPECT_EQ(fields_of(fields[2].bytes, 2)[0].number, 300u);
  EXPECT_TRUE(fields[3].bytes.empty() && fields[4].bytes.empty());
}

// Of one column and one row, and larger than what is turned at a time.
TEST(OnnxMessage, MatricesAreTransposed) {
  for (const auto& [rows, columns] :
       std::vector<std::pair<size_t, size_t>>{{2, 3}, {1, 5}, {5, 1}, {1000, 700}, {3, 100'000}}) {
    std::vector<float> values(rows * columns);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    Message message;
    message.add_values(9, values_of(values, static_cast<int64_t>(columns)));
    const std::string bytes = bytes_of(message);
    const std::vector<float> turned = floats_of(fields_of(bytes)[0].bytes);
    ASSERT_EQ(turned.size(), values.size());
    for (size_t row = 0; row < rows; ++row) {
      for (size_t column = 0; column < columns; ++column) {
        ASSERT_EQ(turned[column * rows + row], values[row * columns + column]);
      }
    }
  }
}

class OnnxFile : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "pals_onnx_" + std::to_string(::getpid()) + ".onnx";
  }
  void TearDown() override { std::filesystem::remove(path_); }

  TensorEntry matrix() const { return make_tensor_entry("w", DType::kF32, {2, 3}, weights_); }

  /// y = x W^T, gathered: something of everything.
  OnnxGraph graph() const {
    OnnxGraph graph;
    const OnnxValue x = graph.add_input("x", OnnxType::kInt64, {"batch", int64_t{3}});
    graph.set_scope("a.");
    const OnnxValue y = graph.apply("MatMul", {x, graph.transposed(matrix())});
    const OnnxValue z = graph.apply(
        "Gather", {y, graph.integers({0, 1})},
        {{"axis", int64_t{1}}, {"epsilon", 0.25F}, {"perm", std::vector<int64_t>{1, 0}}});
    const OnnxValue sum = graph.apply("Add", {z, graph.number(2.0F)});
    EXPECT_EQ(graph.number(2.0F), graph.number(2.0F));
    EXPECT_EQ(graph.transposed(matrix()), "w.T");
    graph.add_output(sum, "out", {"batch", int64_t{2}});
    return graph;
  }

  float weights_[6] = {0, 1, 2, 3, 4, 5};
  std::string path_;
};

TEST_F(OnnxFile, ReadsBack) {
  write_onnx(path_, graph(), {"name", "1.2", {{"key", "value"}}});
  const MappedFile file(path_);
  EXPECT_EQ(fields_of(file.bytes(), 1)[0].number, 8u);
  EXPECT_EQ(text_of(file.bytes(), 2), "pals");
  EXPECT_EQ(fields_of(text_of(file.bytes(), 8), 2)[0].number, 17u);
  EXPECT_EQ(text_of(text_of(file.bytes(), 14), 2), "value");
  const std::string graph = text_of(file.bytes(), 7);
  EXPECT_EQ(text_of(graph, 2), "name");
  const std::vector<ProtoField> nodes = fields_of(graph, 1);
  ASSERT_EQ(nodes.size(), 4u);
  EXPECT_EQ(text_of(nodes[0].bytes, 1), "x");
  EXPECT_EQ(text_of(nodes[0].bytes, 2), "a.MatMul.0");
  EXPECT_EQ(text_of(nodes[0].bytes, 4), "MatMul");
  const std::vector<ProtoField> attributes = fields_of(nodes[1].bytes, 5);
  ASSERT_EQ(attributes.size(), 3u);
  EXPECT_EQ(fields_of(attributes[0].bytes, 3)[0].number, 1u);
  EXPECT_EQ(fields_of(attributes[1].bytes, 20)[0].number, 1u);
  EXPECT_EQ(fields_of(attributes[2].bytes, 8).size(), 2u);
  const std::vector<ProtoField> tensors = fields_of(graph, 5);
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(text_of(tensors[0].bytes, 8), "w.T");
  EXPECT_EQ(fields_of(tensors[0].bytes, 1)[0].number, 3u);
  EXPECT_EQ(floats_of(text_of(tensors[0].bytes, 9)), (std::vector<float>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(text_of(fields_of(graph, 11)[0].bytes, 1), "x");
  EXPECT_EQ(text_of(fields_of(graph, 12)[0].bytes, 1), "out");
}

TEST_F(OnnxFile, IsTheSameEachTime) {
  write_onnx(path_, graph(), {"name", "1", {}});
  const std::string first(MappedFile(path_).bytes());
  write_onnx(path_, graph(), {"name", "1", {}});
  EXPECT_EQ(MappedFile(path_).bytes(), first);
}

TEST_F(OnnxFile, WrongTensorsAreRefused) {
  OnnxGraph graph;
  TensorEntry tensor = matrix();
  tensor.dtype = DType::kF16;
  EXPECT_THROW(graph.weight(tensor), Error);
  tensor = matrix();
  tensor.bytes = tensor.bytes.first(8);
  EXPECT_THROW(graph.weight(tensor), Error);
  tensor = matrix();
  tensor.shape = {6};
  EXPECT_THROW(graph.transposed(tensor), Error);
  graph.weight(matrix());
  const float others[6] = {};
  EXPECT_THROW(graph.weight(make_tensor_entry("w", DType::kF32, {2, 3}, others)), Error);
}

// Each name is of other memory to the graph, which is one page of zeros here.
TEST_F(OnnxFile, TooLargeModelsAreRefused) {
  const std::vector<float> block(size_t{4} << 20);
  OnnxGraph graph;
  for (int i = 0; i < 129; ++i) {
    graph.weight(make_tensor_entry(concat("w", i), DType::kF32, {int64_t{4} << 20}, block.data()));
  }
  EXPECT_THROW(write_onnx(path_, graph, {"name", "1", {}}), Error);
  EXPECT_FALSE(file_exists(path_));
}

}  // namespace
}  // namespace pals
