// A real pretrained BERT (MiniLM-L6) against transformers' outputs for a few lines of text.
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "checkpoint/load_tensor_file.h"
#include "features/features.h"
#include "model/open.h"
#include "model/weights.h"
#include "reference_set.h"

namespace pals {
namespace {

constexpr int kMaxSeqLength = 128;
constexpr double kTolerance = 2e-4;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// PALS_MINILM_DIR, or where the set-up puts the model.
std::string minilm_folder() {
  const std::string chosen = variable("PALS_MINILM_DIR");
  if (!chosen.empty()) return chosen;
  const std::string cache = variable("XDG_CACHE_HOME");
  return (cache.empty() ? variable("HOME") + "/.cache" : cache) + "/pals/models/all-MiniLM-L6-v2";
}

std::string reference_folder() { return variable("PALS_REFERENCE_DIR") + "/minilm"; }

// Text and second text (or none) of a line `a ||| b`.
std::pair<std::string, std::string> halves(const std::string& line) {
  const size_t bar = line.rfind(" ||| ");
  if (bar == std::string::npos) return {line, ""};
  return {line.substr(0, bar), line.substr(bar + 5)};
}

class GoldenMiniLm : public testing::Test {
 protected:
  void SetUp() override {
    const std::string folder = minilm_folder();
    if (!directory_exists(folder)) {
      if (!variable("PALS_MINILM_DIR").empty()) {
        FAIL() << "PALS_MINILM_DIR: no such folder: " << folder;
      }
      GTEST_SKIP() << folder << " is not there (PALS_MINILM_DIR names another place)";
    }
    if (variable("PALS_REFERENCE_DIR").empty()) {
      GTEST_SKIP() << "PALS_REFERENCE_DIR is not set";
    }
    reference_ = load_tensor_file(reference_folder() + "/reference.safetensors");
    std::istringstream text(read_file(reference_folder() + "/input.txt", 1 << 20));
    for (std::string line; std::getline(text, line);) lines_.emplace_back(trim(line));
    while (reference_.find(concat(num_lines_, ".input_ids")) != nullptr) ++num_lines_;
    tokenizer_ = std::make_unique<Tokenizer>(open_folder_tokenizer(folder));
  }

  std::vector<int32_t> integers(size_t line, const char* name) const {
    const at::Tensor values = tensor_of(reference_, concat(line, ".", name));
    const int64_t* first = values.const_data_ptr<int64_t>();
    return {first, first + values.numel()};
  }

  std::unique_ptr<MultiTaskModel> load(at::ScalarType type) const {
    const std::string folder = minilm_folder();
    const BertConfig bert =
        parse_bert_config(read_json(folder + "/config.json"), folder + "/config.json", {});
    AdapterConfig adapter;
    auto model = std::make_unique<MultiTaskModel>(bert, resolve_adapter(adapter, bert, folder),
                                                  std::vector<HeadSpec>(1), type, Frozen::kNothing,
                                                  test_device());
    const LoadReport report = load_weights(*model, load_tensor_file(folder + "/model.safetensors"),
                                           LoadScope::kShared, folder);
    for (const std::string& name : report.missing) {
      EXPECT_TRUE(name.starts_with("tasks.")) << name << " was not loaded";
    }
    return model;
  }

  // All lines of the reference in one packed batch.
  PackedBatch batch() const {
    PackedBatch packed;
    for (size_t line = 0; line < num_lines_; ++line) {
      const auto ids = integers(line, "input_ids"), types = integers(line, "token_type_ids");
      packed.append(0, static_cast<int64_t>(line), ids.data(), types.data(),
                    static_cast<int64_t>(ids.size()));
    }
    return packed;
  }

  TensorFile reference_;
  std::vector<std::string> lines_;
  size_t num_lines_ = 0;
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_F(GoldenMiniLm, TokensMatch) {
  ASSERT_GT(num_lines_, 0U);
  ASSERT_EQ(lines_.size(), num_lines_);
  PackedBatch actual;
  for (size_t line = 0; line < num_lines_; ++line) {
    const auto [a, b] = halves(lines_[line]);
    append_text(*tokenizer_, a, b, kMaxSeqLength, 0, static_cast<int64_t>(line), actual);
  }
  const PackedBatch expected = batch();
  EXPECT_EQ(actual.token_ids, expected.token_ids);
  EXPECT_EQ(actual.token_type_ids, expected.token_type_ids);
  EXPECT_EQ(actual.cu_seqlens, expected.cu_seqlens);
}

TEST_F(GoldenMiniLm, LayersAndPooledMatch) {
  ASSERT_GT(num_lines_, 0U);
  const auto model = load(at::kFloat);
  const PackedBatch packed = batch();
  const auto output = model->forward(packed, true);
  const size_t num_layers = output.encoder_layers.size();
  size_t compared = 0;
  for (size_t line = 0; line < num_lines_; ++line) {
    const int64_t first = packed.cu_seqlens[line], length = packed.cu_seqlens[line + 1] - first;
    for (size_t back = 1; back <= num_layers; ++back) {
      const std::string name = concat(line, ".layer.-", back);
      if (reference_.find(name) == nullptr) continue;
      const at::Tensor actual =
          output.encoder_layers[num_layers - back].narrow(0, first, length).cpu();
      const at::Tensor difference = actual - tensor_of(reference_, name);
      EXPECT_LT(difference.abs().max().item<double>(), kTolerance) << name;
      ++compared;
    }
    const at::Tensor pooled = output.pooled[static_cast<int64_t>(line)].cpu();
    const at::Tensor difference = pooled - tensor_of(reference_, concat(line, ".pooled"));
    EXPECT_LT(difference.abs().max().item<double>(), kTolerance) << line;
  }
  EXPECT_GE(compared, num_lines_);
}

TEST_F(GoldenMiniLm, Bf16IsNear) {
  ASSERT_GT(num_lines_, 0U);
  const auto model = load(at::kBFloat16);
  const auto output = model->forward(batch());
  for (size_t line = 0; line < num_lines_; ++line) {
    const at::Tensor expected = tensor_of(reference_, concat(line, ".pooled"));
    const at::Tensor actual = output.pooled[static_cast<int64_t>(line)].cpu().to(at::kFloat);
    EXPECT_LT((actual - expected).norm().item<double>(), 3e-2 * expected.norm().item<double>())
        << line;
  }
}

}  // namespace
}  // namespace pals
