#include "hub/listing.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace pals {
namespace {

constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

std::vector<std::string> wanted(const std::vector<std::string>& names) {
  return wanted_files(names, "test");
}

TEST(Listings, NamesThatLeadElsewhereAreLeftOut) {
  const ModelListing listing = parse_listing(
      concat(R"({"id": "a/b", "sha": ")", kCommit,
             R"(", "siblings": [{"rfilename": "config.json"}, {"rfilename": "../x", "size": 3},
                {"rfilename": "/etc/passwd"}, {"rfilename": "a\u0000b"}, {"rfilename": "x/y.txt"}]})"),
      "test");
  EXPECT_EQ(listing.commit, kCommit);
  EXPECT_EQ(listing.names, (std::vector<std::string>{"config.json", "x/y.txt"}));
}

TEST(Listings, OtherAnswersAreRefused) {
  for (const char* answer :
       {"", "<html>", "[]", "{}", R"({"sha": "main", "siblings": []})",
        R"({"sha": "0123456789abcdef0123456789abcdef01234567"})",
        R"({"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [1]})",
        R"({"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": 1}]})"}) {
    EXPECT_THROW(parse_listing(answer, "test"), Error) << answer;
  }
}

TEST(WantedFiles, SafetensorsComeBeforePickles) {
  const std::vector<std::string> names = {
      ".gitattributes",    "README.md",       "config.json",       "flax_model.msgpack",
      "model.safetensors", "onnx/model.onnx", "pytorch_model.bin", "tf_model.h5",
      "tokenizer.json",    "vocab.txt"};
  EXPECT_EQ(wanted(names), (std::vector<std::string>{"config.json", "vocab.txt", "tokenizer.json",
                                                     "model.safetensors"}));
  EXPECT_EQ(wanted({"config.json", "pytorch_model.bin", "training_args.bin"}),
            (std::vector<std::string>{"config.json", "pytorch_model.bin"}));
}

TEST(WantedFiles, ShardsAndAdapters) {
  EXPECT_EQ(wanted({"config.json", "model-00001-of-00002.safetensors", "other-1-of-2.safetensors",
                    "model-00002-of-00002.safetensors", "model.safetensors.index.json"}),
            (std::vector<std::string>{"config.json", "model.safetensors.index.json",
                                      "model-00001-of-00002.safetensors",
                                      "model-00002-of-00002.safetensors"}));
  EXPECT_EQ(wanted({"adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"}),
            (std::vector<std::string>{"adapter_config.json", "adapter_model.safetensors"}));
  EXPECT_EQ(
      wanted({"tasks.json", "adapters/sst/pals_adapter.safetensors", "model.safetensors",
              "adapters/sst/notes.json", "adapters/sst/pals_adapter.json"}),
      (std::vector<std::string>{"tasks.json", "adapters/sst/pals_adapter.json",
                                "adapters/sst/pals_adapter.safetensors", "model.safetensors"}));
}

TEST(WantedFiles, WithoutWeightsThereIsNoModel) {
  EXPECT_THROW(wanted({}), Error);
  EXPECT_THROW(wanted({"README.md", "config.json", "tf_model.h5"}), Error);
}

}  // namespace
}  // namespace pals
