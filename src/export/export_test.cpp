// Exports of tiny models: graphs that compute what the models do, folders with the names that
// transformers looks for. tests/export_check.py has the other programs open them.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "export/modeling.h"
#include "export/onnx_model.h"
#include "export/sentence_transformers.h"
#include "export/test_onnx_run.h"
#include "export/transformers.h"
#include "model/model_runner.h"
#include "model/test_model_folder.h"

namespace pals {
namespace {

using testing::tiny_adapter;
using testing::tiny_bert;
using testing::tiny_tasks;

/// The rows of a batch as an ONNX graph takes them, padded.
testing::OnnxValues padded(const PackedBatch& batch) {
  const at::Tensor ids = at::zeros({batch.num_rows(), batch.max_seqlen}, at::kLong);
  const at::Tensor types = at::zeros_like(ids), mask = at::zeros_like(ids);
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    const auto first = static_cast<size_t>(batch.cu_seqlens[static_cast<size_t>(row)]);
    const auto end = static_cast<size_t>(batch.cu_seqlens[static_cast<size_t>(row) + 1]);
    for (size_t token = first; token < end; ++token) {
      const auto place = static_cast<int64_t>(token - first);
      ids[row][place] = batch.token_ids[token];
      types[row][place] = batch.token_type_ids[token];
      mask[row][place] = 1;
    }
  }
  return {{"input_ids", ids}, {"attention_mask", mask}, {"token_type_ids", types}};
}

/// A row's logits in the graph's outputs, token by token.
std::vector<float> logits_of(const testing::OnnxValues& values, const std::string& before,
                             int64_t row, int64_t tokens) {
  at::Tensor logits;
  if (const auto start = values.find(before + "start_logits"); start != values.end()) {
    logits = at::stack({start->second[row], values.at(before + "end_logits")[row]}, 1);
  } else {
    logits = values.at(before + "logits")[row];
  }
  if (logits.dim() == 2) logits = logits.narrow(0, 0, tokens);
  logits = logits.contiguous();
  const float* data = logits.const_data_ptr<float>();
  return {data, data + logits.numel()};
}

class Export : public testing::ModelFolder {
 protected:
  /// A model of the seven tasks with that adapter, random weights.
  ExportedModel& model(const std::string& kind, const std::vector<int>& layers = {}) {
    const AdapterConfig adapter = tiny_adapter(kind, layers, kind == "pals");
    network_ = testing::tiny_model(tiny_bert(), adapter);
    testing::randomise(*network_, 3);
    description_ = describe(adapter);
    tensors_ = std::make_unique<ModelTensors>(tensors_of(network_->arena()));
    model_ = std::make_unique<ExportedModel>(description_, tokenizer_, tensors_->rows);
    return *model_;
  }

  /// The model's logits of a batch are the graph's.
  void compare(const PackedBatch& batch, const testing::OnnxValues& values, bool named) const {
    const ModelRunner runner(*network_);
    Wanted wanted;
    for (const Segment& segment : batch.segments) wanted.heads.push_back({segment.task});
    const RunOutputs outputs = runner.run(batch, wanted);
    for (size_t i = 0; i < batch.segments.size(); ++i) {
      const Segment& segment = batch.segments[i];
      const Task& task = description_.tasks[static_cast<size_t>(segment.task)];
      const auto scale = static_cast<float>(task.label_scale);
      for (int64_t row = segment.first_row; row < segment.last_row; ++row) {
        const auto place = static_cast<size_t>(row);
        const std::vector<float> found =
            logits_of(values, named ? task.name + "." : "", row,
                      batch.cu_seqlens[place + 1] - batch.cu_seqlens[place]);
        const std::span<const float> expected = outputs.heads[i].row(row - segment.first_row);
        ASSERT_EQ(found.size(), expected.size()) << task.name;
        for (size_t k = 0; k < found.size(); ++k) {
          EXPECT_NEAR(found[k], scale * expected[k], 1e-4) << task.name;
        }
      }
    }
  }

  std::set<std::string> tensor_names() const {
    std::set<std::string> names;
    const TensorFile file = read_safetensors(path_ + kWeightsFile);
    for (const TensorEntry& tensor : file.tensors()) names.insert(tensor.name);
    return names;
  }

  Tokenizer tokenizer_ = testing::tiny_tokenizer();
  std::unique_ptr<MultiTaskModel> network_;
  ModelDescription description_;
  std::unique_ptr<ModelTensors> tensors_;
  std::unique_ptr<ExportedModel> model_;
};

TEST_F(Export, GraphsComputeWhatTheModelDoes) {
  const std::vector<testing::Row> rows = testing::tiny_rows(3);
  const std::string path = root_ + "/m.onnx";
  for (const std::string& kind : adapter_names()) {
    for (const std::vector<int>& layers : {std::vector<int>{}, std::vector<int>{1}}) {
      if (!layers.empty() && kind.starts_with("top") && !kind.ends_with("lhuc")) continue;
      SCOPED_TRACE(kind);
      write_onnx_model(path, model(kind, layers), std::nullopt);
      const PackedBatch batch = testing::pack(rows);
      compare(batch, testing::run_onnx(path, padded(batch)), true);
      for (const int task : {0, testing::kTinySpan}) {
        write_onnx_model(path, *model_, static_cast<size_t>(task));
        EXPECT_EQ(testing::onnx_outputs(path).size(), task == 0 ? 1u : 2u);
        const PackedBatch own = testing::pack(testing::rows_of(rows, task));
        compare(own, testing::run_onnx(path, padded(own)), false);
      }
    }
  }
}

// Plain tasks, and all tasks below their first adapters, compute the encoder once.
TEST_F(Export, TasksShareWhatTheyCan) {
  const auto count = [&](const ExportedModel& model) {
    write_onnx_model(root_ + "/m.onnx", model, std::nullopt);
    const MappedFile file(root_ + "/m.onnx");
    size_t softmaxes = 0;
    for (const std::string& node :
         testing::proto_texts(testing::proto_texts(file.bytes(), 7).at(0), 1)) {
      softmaxes += testing::parse_onnx_node(node).operation == "Softmax" ? 1 : 0;
    }
    return softmaxes;
  };
  EXPECT_EQ(count(model("none")), 2u);
  EXPECT_EQ(count(model("low_rank")), 2u * 7);
  EXPECT_EQ(count(model("low_rank", {1})), 1u + 7);
  EXPECT_EQ(count(model("top_attention")), 2u + 6 * 7);
}

TEST_F(Export, PlainTasksAreBert) {
  make_directories(path_);
  model("none");
  const char* classes[] = {"BertForSequenceClassification", "BertForSequenceClassification",
                           "BertForSequenceClassification", "BertForQuestionAnswering",
                           "BertForMultipleChoice",         "BertForSequenceClassification",
                           "BertForTokenClassification"};
  for (size_t task = 0; task < std::size(classes); ++task) {
    write_transformers_files(path_, *model_, task);
    EXPECT_EQ(read("config.json")["architectures"][0], classes[task]);
    const std::set<std::string> names = tensor_names();
    const bool tokens = testing::tiny_reads_tokens(static_cast<int>(task));
    EXPECT_EQ(names.contains("bert.pooler.dense.weight"), !tokens);
    EXPECT_TRUE(names.contains(task == testing::kTinySpan ? "qa_outputs.bias" : "classifier.bias"));
    EXPECT_TRUE(names.contains("bert.embeddings.LayerNorm.weight"));
    EXPECT_FALSE(file_exists(path_ + "/modeling_pals.py"));
  }
  write_transformers_files(path_, *model_, size_t{2});
  EXPECT_EQ(read("config.json")["id2label"], (Json{{"0", "a"}, {"1", "b"}, {"2", "c"}}));
  EXPECT_EQ(read("config.json")["problem_type"], "single_label_classification");
}

TEST_F(Export, AdaptersBringTheirModule) {
  make_directories(path_);
  write_transformers_files(path_, model("pals"), size_t{0});
  const Json config = read("config.json");
  EXPECT_EQ(config["model_type"], "pals");
  EXPECT_EQ(config["auto_map"]["AutoModelForSequenceClassification"],
            "modeling_pals.PalsForSequenceClassification");
  EXPECT_EQ(config["pals_adapter"]["size"], 12);
  const std::set<std::string> names = tensor_names();
  EXPECT_TRUE(names.contains("bert.adapter.layer.1.pal.query.weight"));
  EXPECT_TRUE(names.contains("bert.adapter.pal.down.weight"));
  EXPECT_TRUE(names.contains("bert.pooler.dense.weight"));  // the task's own
  EXPECT_FALSE(names.contains("bert.adapter.pooler.dense.weight"));
  EXPECT_EQ(MappedFile(path_ + "/modeling_pals.py").bytes(), modeling_pals());
}

TEST_F(Export, RegressionsAreInTheUnitsOfTheData) {
  model("none");
  const auto first = [](const TensorEntry& tensor) {
    float value = 0;
    std::memcpy(&value, tensor.bytes.data(), sizeof(value));
    return value;
  };
  for (const TensorEntry& row : tensors_->rows) {
    if (!row.name.starts_with("tasks.1.classifier.")) continue;
    EXPECT_FLOAT_EQ(first(model_->tensor(row.name)), 5.0F * first(row)) << row.name;
  }
}

TEST_F(Export, SentenceTransformersHasModules) {
  make_directories(path_);
  model("pals");
  SentenceSettings settings{.pooling = Pooling::kPooled, .normalize = true};
  write_sentence_transformers_files(path_, *model_, size_t{0}, settings);
  ASSERT_EQ(read("modules.json").size(), 4u);
  EXPECT_EQ(read("modules.json")[3]["path"], "3_Normalize");
  EXPECT_EQ(read("1_Pooling/config.json")["pooling_mode_cls_token"], true);
  EXPECT_TRUE(file_exists(path_ + "/2_Dense/model.safetensors"));
  EXPECT_TRUE(tensor_names().contains("adapter.pal.up.weight"));
  EXPECT_FALSE(tensor_names().contains("classifier.weight"));
  // All tasks have poolers of their own, so that the encoder has none.
  EXPECT_THROW(write_sentence_transformers_files(path_, *model_, std::nullopt, settings), Error);
}

}  // namespace
}  // namespace pals
