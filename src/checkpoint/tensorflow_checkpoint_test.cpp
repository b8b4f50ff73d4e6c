#include "checkpoint/tensorflow_checkpoint.h"

#include <cstdlib>

#include "checkpoint/load_tensor_file.h"
#include "checkpoint/table_test_support.h"
#include "checkpoint/tensorflow_names.h"
#include "checkpoint/test_support.h"

namespace pals {
namespace {

using namespace std::string_literals;

constexpr int kFloat = static_cast<int>(TensorFlowType::kFloat);
constexpr int kInt64 = static_cast<int>(TensorFlowType::kInt64);

std::string float_bytes(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

/// Lays tensors out in shards and writes their index.
struct Checkpoint {
  std::map<std::string, std::string> items;
  std::vector<std::string> shards;

  explicit Checkpoint(size_t num_shards = 1) : shards(num_shards) {
    items[""] = bundle_header(num_shards);
  }

  void add(const std::string& name, const std::vector<int64_t>& shape, const std::string& bytes,
           size_t shard = 0, int type = kFloat) {
    items[name] = bundle_entry(type, shape, shard, shards[shard].size(), bytes);
    shards[shard] += bytes;
  }

  std::string index() const { return table_bytes(items, 2); }

  TensorFile parse() const {
    const std::vector<std::string_view> views(shards.begin(), shards.end());
    TensorFile file = parse_tensorflow_checkpoint(index(), views, "c.index");
    return file;
  }

  std::string error() const {
    return error_of([&] { parse(); });
  }
};

Checkpoint small() {
  Checkpoint checkpoint(2);
  checkpoint.add("bert/pooler/dense/kernel", {2, 3}, float_bytes({1, 2, 3, 4, 5, 6}), 1);
  checkpoint.add("bert/pooler/dense/kernel/adam_m", {2, 3}, float_bytes({0, 0, 0, 0, 0, 0}), 0);
  checkpoint.add("bert/pooler/dense/bias", {3}, float_bytes({7, 8, 9}), 0);
  checkpoint.add("bert/embeddings/word_embeddings", {1, 2}, float_bytes({-1, -2}), 1);
  checkpoint.add("global_step", {}, fixed_bytes(int64_t{7}), 0, kInt64);
  return checkpoint;
}

TEST(TensorflowNames, FollowPytorch) {
  const struct {
    const char *variable, *name;
    bool transpose;
  } cases[] = {
      {"bert/embeddings/word_embeddings", "bert.embeddings.word_embeddings.weight", false},
      {"bert/embeddings/LayerNorm/gamma", "bert.embeddings.LayerNorm.gamma", false},
      {"bert/encoder/layer_11/attention/self/query/kernel",
       "bert.encoder.layer.11.attention.self.query.weight", true},
      {"bert/encoder/layer_0/output/dense/bias", "bert.encoder.layer.0.output.dense.bias", false},
      {"output_weights", "classifier.weight", false},
      {"output_bias", "classifier.bias", false},
      {"cls/squad/output_weights", "qa_outputs.weight", false},
      {"cls/squad/output_bias", "qa_outputs.bias", false},
      {"bert/pooler/dense/kernel/adam_v", "", false},
      {"bert/pooler/dense/bias/Adam_1", "", false},
      {"cls/predictions/output_bias", "", false},
      {"cls/seq_relationship/output_weights", "", false},
      {"global_step", "", false},
      {"my/own/thing", "my.own.thing", false},
  };
  for (const auto& [variable, name, transpose] : cases) {
    const TensorFlowTarget target = tensorflow_target(variable);
    EXPECT_EQ(target.name, name) << variable;
    EXPECT_EQ(target.transpose, transpose) << variable;
  }
}

TEST(TensorflowCheckpoint, ReadsShardsAndTransposesKernels) {
  const Checkpoint checkpoint = small();
  const TensorFile file = checkpoint.parse();
  ASSERT_EQ(file.tensors().size(), 3u);
  const auto check = [&](const char* name, const std::vector<int64_t>& shape,
                         const std::vector<float>& values) {
    const TensorEntry* entry = file.find(name);
    ASSERT_NE(entry, nullptr) << name;
    EXPECT_EQ(entry->shape, shape);
    std::vector<float> found(values.size());
    copy_as_float(*entry, found.data(), found.size());
    EXPECT_EQ(found, values);
  };
  check("bert.pooler.dense.weight", {3, 2}, {1, 4, 2, 5, 3, 6});
  check("bert.pooler.dense.bias", {3}, {7, 8, 9});
  check("bert.embeddings.word_embeddings.weight", {1, 2}, {-1, -2});
  // What is not transposed points into the shard.
  const auto* data =
      reinterpret_cast<const char*>(file.find("bert.pooler.dense.bias")->bytes.data());
  EXPECT_GE(data, checkpoint.shards[0].data());
  EXPECT_LT(data, checkpoint.shards[0].data() + checkpoint.shards[0].size());
}

TEST(TensorflowCheckpoint, TransposesAnySizeAndType) {
  for (const auto& [rows, columns] : {std::pair{1, 70}, {70, 1}, {33, 65}, {64, 32}, {0, 3}}) {
    Checkpoint checkpoint;
    std::string bytes;
    for (int i = 0; i < rows * columns; ++i) bytes += fixed_bytes(static_cast<int16_t>(i));
    checkpoint.add("x/kernel", {rows, columns}, bytes, 0, static_cast<int>(TensorFlowType::kInt16));
    const TensorFile file = checkpoint.parse();
    const TensorEntry& entry = file.tensors().front();
    EXPECT_EQ(entry.shape, (std::vector<int64_t>{columns, rows}));
    for (int c = 0; c < columns; ++c) {
      for (int r = 0; r < rows; ++r) {
        int16_t value = 0;
        std::memcpy(&value, entry.bytes.data() + (c * rows + r) * 2, 2);
        ASSERT_EQ(value, r * columns + c);
      }
    }
  }
}

TEST(TensorflowCheckpoint, RefusesWhatIsDamaged) {
  const auto with_item = [](const std::string& name, const std::string& value) {
    Checkpoint checkpoint = small();
    checkpoint.items[name] = value;
    return checkpoint.error();
  };
  const std::string bytes = float_bytes({1, 2, 3, 4, 5, 6});
  const std::string place(24, '\0');
  const struct {
    std::string error, expected;
  } cases[] = {
      {with_item("x", bundle_entry(kFloat, {6}, 2, 0, bytes)), "in shard 2 of 2"},
      {with_item("x", bundle_entry(kFloat, {6}, 1, 24, bytes)), "lie outside shard 1 of 32 bytes"},
      {with_item("x", bundle_entry(kFloat, {6}, 1, uint64_t{1} << 62, bytes)), "lie outside"},
      {with_item("x", bundle_entry(kFloat, {6}, 1, ~uint64_t{0}, bytes)),
       "is 18446744073709551615"},
      {with_item("x", bundle_entry(kFloat, {6}, 1, 8, bytes)), "overlaps"},
      {with_item("bert/pooler/dense/kernel", bundle_entry(kFloat, {7}, 1, 0, bytes)),
       "24 bytes do not hold shape [7] of F32"},
      {with_item("bert/pooler/dense/kernel",
                 bundle_entry(kFloat, {int64_t{1} << 40, int64_t{1} << 40}, 1, 0, bytes)),
       "do not hold shape"},
      {with_item("bert/pooler/dense/kernel", bundle_entry(kFloat, {6}, 1, 0, place)),
       "a wrong checksum; shard 1 is damaged"},
      {with_item("bert/pooler/dense/kernel", bundle_entry(7, {6}, 1, 0, bytes)),
       "element type 7 of TensorFlow is not supported"},
      {with_item("bert/pooler/dense/kernel",
                 bundle_entry(kFloat, {6}, 1, 0, bytes) + proto_bytes(7, "")),
       "stored in pieces"},
      {with_item("", bundle_header(3)), "3 shards, found 2"},
      {with_item("", bundle_header(0)), "no shards"},
      {with_item("", bundle_header(uint64_t{1} << 40)), "at most 10000"},
      {with_item("", bundle_header(2, 1)), "big-endian"},
      {with_item("x", proto_bytes(2, proto_number(3, 1))), "unknown shape"},
      {with_item("x", "\x0b"), "wire type 3"},
      {with_item("x", proto_bytes(1, "a")), "wire type 2, expected 0"},
  };
  for (const auto& [error, expected] : cases) {
    EXPECT_NE(error.find(expected), std::string::npos) << error << ", expected " << expected;
  }
  Checkpoint headless = small();
  headless.items.erase("");
  EXPECT_NE(headless.error().find("without a checkpoint's header"), std::string::npos);
}

TEST(TensorflowCheckpoint, FindsItsFiles) {
  const Checkpoint checkpoint = small();
  TemporaryPath prefix, index(prefix.str() + ".index");
  TemporaryPath first(prefix.str() + ".data-00000-of-00002");
  TemporaryPath second(prefix.str() + ".data-00001-of-00002");
  write_file_atomically(index.str(), checkpoint.index());
  write_file_atomically(first.str(), checkpoint.shards[0]);
  EXPECT_NE(error_of([&] { load_tensor_file(prefix.str()); }).find(second.str()),
            std::string::npos);
  write_file_atomically(second.str(), checkpoint.shards[1]);
  const TensorFile expected = checkpoint.parse();
  for (const std::string& name : {prefix.str(), index.str()}) {
    EXPECT_EQ(find_tensor_file(name), index.str());
    EXPECT_TRUE(same_tensors(load_tensor_file(name), expected));
  }
  TemporaryPath renamed;
  write_file_atomically(renamed.str(), checkpoint.index());
  EXPECT_NE(error_of([&] { load_tensor_file(renamed.str()); }).find("does not end in .index"),
            std::string::npos);
  write_file_atomically(second.str(), checkpoint.shards[1].substr(1));
  EXPECT_NE(error_of([&] { load_tensor_file(prefix.str()); }).find("outside shard 1 of 31 bytes"),
            std::string::npos);
}

TEST(TensorflowCheckpoint, LeavesOutSlotsOfAnyOptimizer) {
  Checkpoint checkpoint;
  const std::string bytes = float_bytes({1, 2});
  for (const char* name :
       {"bert/pooler/dense/bias", "bert/pooler/dense/bias/adafactor_v",
        "bert/pooler/dense/bias/LAMB", "bert/pooler/dense/bias/ExponentialMovingAverage",
        "output_bias", "output_bias/slot", "lost/head/bias"}) {
    checkpoint.add(name, {2}, bytes);
  }
  checkpoint.add("loss_scale", {}, float_bytes({32768}));
  checkpoint.add("good_steps", {}, fixed_bytes(int64_t{7}), 0, kInt64);
  const TensorFile file = checkpoint.parse();
  std::vector<std::string> names;
  for (const TensorEntry& entry : file.tensors()) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"bert.pooler.dense.bias", "lost.head.bias",
                                             "classifier.bias"}));
  EXPECT_EQ(file.left_out(), 6u);
}

TEST(TensorflowCheckpoint, AnEmptyDimensionBesideAHugeOne) {
  constexpr int64_t kHuge = int64_t{1} << 60;
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{kHuge, 0}, {0, kHuge}}) {
    Checkpoint checkpoint;
    checkpoint.add("v/kernel", shape, "");
    const TensorFile file = checkpoint.parse();
    ASSERT_NE(file.find("v.weight"), nullptr);
    EXPECT_EQ(file.find("v.weight")->shape, (std::vector<int64_t>{shape[1], shape[0]}));
    EXPECT_TRUE(file.find("v.weight")->bytes.empty());
  }
  Checkpoint checkpoint;
  checkpoint.add("v", {0, kHuge, kHuge}, "");
  EXPECT_NE(checkpoint.error().find("0 bytes do not hold shape [0, "), std::string::npos);
}

TEST(TensorflowCheckpoint, SurvivesDamage) {
  const Checkpoint checkpoint = small();
  const std::vector<std::string_view> views(checkpoint.shards.begin(), checkpoint.shards.end());
  const auto parse = [&](const std::string& index) {
    parse_tensorflow_checkpoint(index, views, "w");
  };
  expect_errors_when_cut(checkpoint.index(), parse);
  flip_bits(checkpoint.index(), parse);
  const std::string entry = bundle_entry(kFloat, {2, 3}, 1, 0, "abc");
  flip_bits(entry, [](const std::string& value) { parse_tensorflow_entry("x", value, "w"); });
  // A flipped bit of data is always found, but in the slots that are skipped.
  const size_t slot = 24;
  for (size_t place = 0; place < checkpoint.shards[0].size() - 8; ++place) {
    Checkpoint flipped = checkpoint;
    flipped.shards[0][place] = static_cast<char>(flipped.shards[0][place] ^ 4);
    EXPECT_EQ(flipped.error().empty(), place < slot) << place;
  }
}

/// Folders of PALS_REFERENCE_DIR with a TensorFlow checkpoint of the BERT in `shared`.
TEST(TensorflowCheckpoint, ReferenceIsEqualBitForBit) {
  const char* reference = std::getenv("PALS_REFERENCE_DIR");
  if (reference == nullptr) GTEST_SKIP() << "PALS_REFERENCE_DIR is not set";
  const std::string root = std::string(reference) + "/";
  const TensorFile expected = load_tensor_file(root + "shared/weights.safetensors");
  size_t shared_tensors = 0;
  for (const TensorEntry& tensor : expected.tensors()) {
    shared_tensors += tensor.name.starts_with("bert.") ? 1 : 0;
  }
  int compared = 0;
  for (const std::string& folder : list_directory(root)) {
    if (!directory_exists(root + folder)) continue;
    for (const std::string& name : list_directory(root + folder)) {
      if (!name.ends_with(".index")) continue;
      const TensorFile file = load_tensor_file(root + folder + "/" + name);
      EXPECT_EQ(file.tensors().size(), shared_tensors);
      for (const TensorEntry& tensor : file.tensors()) {
        const TensorEntry* other = expected.find(tensor.name);
        ASSERT_NE(other, nullptr) << tensor.name;
        EXPECT_TRUE(same_tensor(tensor, *other)) << tensor.name;
      }
      ++compared;
    }
  }
  EXPECT_GT(compared, 0) << "no folder of " << reference << " holds a TensorFlow checkpoint";
}

}  // namespace
}  // namespace pals
