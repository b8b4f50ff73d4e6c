#include "checkpoint/shard_index.h"

#include <filesystem>

#include "base/json.h"
#include "checkpoint/load_tensor_file.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/test_support.h"

namespace pals {
namespace {

// tiny.safetensors in two shards with their index.
class Shards : public testing::Test {
 protected:
  Shards() : whole_(read_safetensors(checkpoint_data("tiny.safetensors"))) {
    std::filesystem::create_directories(folder_.str());
    const auto& tensors = whole_.tensors();
    const std::span<const TensorEntry> all(tensors);
    const size_t half = tensors.size() / 2;
    write("model-00001-of-00002.safetensors", all.first(half));
    write("model-00002-of-00002.safetensors", all.subspan(half));
    save();
  }
  ~Shards() override { std::filesystem::remove_all(folder_.str()); }

  std::string path(const std::string& name) const { return folder_.str() + "/" + name; }
  std::string index() const { return path("model.safetensors.index.json"); }

  void write(const std::string& name, std::span<const TensorEntry> tensors) {
    write_safetensors(path(name), tensors);
    for (const TensorEntry& entry : tensors) map_[entry.name] = name;
  }

  void save() {
    write_file_atomically(index(), Json{{"metadata", Json::object()}, {"weight_map", map_}}.dump());
  }

  std::string error() const {
    return error_of([&] { load_tensor_file(index()); });
  }

  TemporaryPath folder_;
  TensorFile whole_;
  Json map_;
};

TEST_F(Shards, AreOneFile) {
  EXPECT_TRUE(same_tensors(load_tensor_file(index()), whole_));
  EXPECT_EQ(tensor_format(MappedFile(index()).bytes()), TensorFormat::kShards);
}

TEST_F(Shards, OneAloneNamesTheIndex) {
  const std::string shard = path("model-00002-of-00002.safetensors");
  EXPECT_EQ(whole_of_part(shard), index());
  EXPECT_EQ(error_of([&] { load_tensor_file(shard); }),
            shard + ": a part of several; give the whole of them: " + index());
  EXPECT_EQ(whole_of_part(index()), "");
  EXPECT_EQ(whole_of_part(path("model.safetensors")), "");
}

TEST_F(Shards, MustHoldWhatTheIndexSays) {
  std::filesystem::remove(path("model-00002-of-00002.safetensors"));
  EXPECT_EQ(error(), index() + ": shard \"model-00002-of-00002.safetensors\" is missing beside it");
}

TEST_F(Shards, MissingAndUnlistedTensorsAreNamed) {
  map_["lost"] = "model-00001-of-00002.safetensors";
  save();
  EXPECT_NE(error().find("tensor \"lost\" is not in \"model-00001-of-00002.safetensors\""),
            std::string::npos)
      << error();
  map_.erase("lost");
  const std::string first = whole_.tensors().front().name;
  map_.erase(first);
  save();
  EXPECT_NE(error().find("tensor \"" + first + "\", which "), std::string::npos) << error();
}

TEST_F(Shards, StayInTheirFolder) {
  for (const char* name :
       {"../model.safetensors", "/etc/passwd", "a/b", "..", "", ".hidden", "a\\b", "a\nb"}) {
    map_["x"] = name;
    save();
    EXPECT_NE(error().find("expected the name of a file in the same folder"), std::string::npos)
        << name;
  }
  map_["x"] = 3;
  save();
  EXPECT_NE(error().find("same folder"), std::string::npos);
}

TEST_F(Shards, AreBounded) {
  for (int i = 0; i < 1001; ++i) map_[std::to_string(i)] = std::to_string(i);
  save();
  EXPECT_NE(error().find("an index names at most 1000"), std::string::npos) << error();
  EXPECT_NE(error_of([] { parse_shard_index("{\"weight_map\": {}}", "i"); }), "");
  EXPECT_NE(error_of([] { parse_shard_index("[]", "i"); }), "");
  EXPECT_NE(
      error_of([] { parse_shard_index(std::string((16 << 20) + 1, ' '), "i"); }).find("at most"),
      std::string::npos);
}

}  // namespace
}  // namespace pals
