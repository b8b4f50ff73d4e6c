// Tasks of a model folder as adapters of other packages and back, and terms folded into weights.
// The packages themselves are asked in tests/adapters_check.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "checkpoint/safetensors.h"
#include "convert/convert.h"
#include "convert/test_convert.h"
#include "foreign/head_names.h"
#include "model/test_model_folder.h"

namespace pals {
namespace {

using testing::expect_parts;
using testing::expect_same;

class Foreign : public testing::ModelFolder {
 protected:
  ConvertOptions options(const std::string& from, const std::string& to) const {
    ConvertOptions result;
    result.from = from;
    result.to = root_ + "/" + to;
    result.overwrite = true;
    return result;
  }

  ConvertOptions out(TargetFormat format, const std::string& task) const {
    ConvertOptions result = options(path_, "out");
    result.to_format = format;
    result.task = task;
    return result;
  }

  // The tests' sst has not the labels of GLUE's.
  static std::string name_here(const Task& task) {
    return task.name == "sst" ? "moods" : task.name;
  }

  ConvertOptions in(const Task& task) const {
    ConvertOptions result = options(root_ + "/out", "in");
    result.base = path_;
    result.task = name_here(task);
    result.labels = join(task.labels, ",");
    return result;
  }

  static std::string error(const ConvertOptions& chosen) {
    try {
      convert(chosen);
    } catch (const Error& found) {
      EXPECT_LE(std::strlen(found.what()), 300U) << found.what();
      return found.what();
    }
    return "";
  }

  TensorFile own_weights(const std::string& folder, const std::string& task) const {
    return read_safetensors(find_adapter_files(folder, task).weights);
  }

  void expect_round_trip(TargetFormat format, const Task& task) const {
    SCOPED_TRACE(task.name);
    const ConvertReport written = convert(out(format, task.name));
    const ConvertReport read = convert(in(task));
    // What is said is of the adapter, not of the model that it came from.
    EXPECT_EQ(written.tasks, 1);
    EXPECT_EQ(written.adapter, read.adapter);
    EXPECT_LT(written.parameters, read.parameters);
    const std::string folder = root_ + "/in";
    expect_same(own_weights(folder, name_here(task)), own_weights(path_, task.name));
    expect_same(read_safetensors(folder + kWeightsFile), read_safetensors(path_ + kWeightsFile));
    const ModelDescription before = read_model_description(path_).model;
    const ModelDescription after = read_model_description(folder).model;
    ASSERT_EQ(after.tasks.size(), 1U);
    EXPECT_EQ(after.adapters[0], before.adapters[0]);
    EXPECT_EQ(after.max_seq_length, before.max_seq_length);
    EXPECT_EQ(after.tasks[0].labels, task.labels);
  }
};

TEST_F(Foreign, TasksGoToPeftAndBack) {
  save("lora");
  for (const Task& task : testing::tiny_tasks()) {
    if (head_names(task.kind).peft == nullptr) {
      expect_parts(error(out(TargetFormat::kPeft, task.name)), {"peft", kind_name(task.kind)});
    } else {
      expect_round_trip(TargetFormat::kPeft, task);
    }
  }
  EXPECT_EQ(head_names(TaskKind::kMultipleChoice).peft, nullptr);
}

TEST_F(Foreign, TasksGoToAdaptersAndBack) {
  save("bottleneck");
  for (const Task& task : testing::tiny_tasks()) {
    if (head_names(task.kind).hub == nullptr) {
      expect_parts(error(out(TargetFormat::kAdapters, task.name)),
                   {"AdapterHub", kind_name(task.kind)});
      continue;
    }
    expect_round_trip(TargetFormat::kAdapters, task);
    // The folder names its labels.
    ConvertOptions unnamed = in(task);
    unnamed.labels.clear();
    EXPECT_EQ(error(unnamed), "");
  }
}

TEST_F(Foreign, OutputsFollowTheOrderOfTheLabels) {
  save("bottleneck");
  convert(out(TargetFormat::kAdapters, "mine"));
  ConvertOptions turned = in(testing::tiny_tasks()[2]);
  turned.labels = "c,a,b";
  convert(turned);
  const TensorFile found = own_weights(root_ + "/in", "mine"), kept = own_weights(path_, "mine");
  const auto part = [](const TensorFile& file, size_t row) {
    const TensorEntry* bias = file.find("classifier.bias");
    return bias->bytes.subspan(row * sizeof(float), sizeof(float));
  };
  for (const auto& [now, then] : {std::pair{0, 2}, {1, 0}, {2, 1}}) {
    EXPECT_TRUE(std::ranges::equal(part(found, static_cast<size_t>(now)),
                                   part(kept, static_cast<size_t>(then))));
  }
  turned.labels = "c,a,x";
  expect_parts(error(turned), {"\"x\"", "mine"});
}

TEST_F(Foreign, NamesOfGluesTasksAreForTheirLabels) {
  save("lora");
  convert(out(TargetFormat::kPeft, "sst"));
  ConvertOptions chosen = in(testing::tiny_tasks()[0]);
  chosen.task = "SST";
  expect_parts(error(chosen), {"--task: \"SST\" is a task of GLUE", "labels 0,1", "another name"});
  chosen.task = "rte";
  expect_parts(error(chosen), {"labels not_entailment,entailment"});
  chosen.task = "sts";
  expect_parts(error(chosen), {"of the kind regression; give another name"});
  chosen.task = "all";
  expect_parts(error(chosen), {"--task: \"all\" has a meaning of its own"});
  chosen.task = "sst";
  chosen.labels = "0,1";
  EXPECT_EQ(error(chosen), "");
}

TEST_F(Foreign, ATaskFileNeedsNoDataFiles) {
  save("lora");
  convert(out(TargetFormat::kPeft, "topics"));
  ConvertOptions chosen = in(testing::tiny_tasks()[5]);
  chosen.task.clear();
  chosen.labels.clear();
  chosen.task_file = root_ + "/tasks.json";
  write_file_atomically(chosen.task_file, R"({"tasks": [{"name": "topics", "kind": "multi_label",
      "labels": ["x", "y", "z"]}]})");
  EXPECT_EQ(error(chosen), "");
  expect_same(own_weights(root_ + "/in", "topics"), own_weights(path_, "topics"));
}

TEST_F(Foreign, WhatDoesNotFitIsRefused) {
  save("lora");
  const Task sst = testing::tiny_tasks()[0];
  expect_parts(error(out(TargetFormat::kPeft, "")), {"--task: missing", "sst", "ner"});
  expect_parts(error(out(TargetFormat::kPeft, "sts2")), {"sts2", "did you mean", "sts"});
  expect_parts(error(out(TargetFormat::kAdapters, "sst")), {"attention.output.dense"});
  EXPECT_FALSE(directory_exists(root_ + "/out"));
  convert(out(TargetFormat::kPeft, "sst"));
  ConvertOptions lacking = in(sst);
  lacking.base.clear();
  expect_parts(error(lacking), {"--base is missing", "best"});
  lacking = in(sst);
  lacking.labels = "a,b,c";
  expect_parts(error(lacking), {"3 outputs", "2"});
  lacking.labels.clear();
  expect_parts(error(lacking), {"--labels is missing", "2 outputs"});
  lacking = in(sst);
  lacking.task.clear();
  expect_parts(error(lacking), {"--task is missing"});
  // Another base by its name, unless that is accepted; by its weights on the way out.
  const std::string other = root_ + "/other";
  std::filesystem::copy(path_, other, std::filesystem::copy_options::recursive);
  lacking = in(sst);
  lacking.base = other;
  expect_parts(error(lacking), {"best", "other", "--accept_changes"});
  lacking.accept_changes = true;
  EXPECT_EQ(error(lacking), "");
  std::filesystem::remove_all(path_);
  save("lora", 12);
  ConvertOptions written = out(TargetFormat::kPeft, "sst");
  written.base = other;
  expect_parts(error(written), {"other", "differs", "--freeze_all"});
  ConvertOptions idle = options(path_, "plain.safetensors");
  idle.base = other;
  expect_parts(error(idle), {"--base", "peft"});
  std::filesystem::remove_all(path_);
  save("pals");
  expect_parts(error(out(TargetFormat::kPeft, "sst")), {"pals", "lora"});
  ConvertOptions fold = options(path_, "folded");
  fold.fold = "sst";
  expect_parts(error(fold), {"--fold", "pals"});
  fold.fold = "sts2";
  expect_parts(error(fold), {"--fold: the model has no task \"sts2\"; did you mean \"sts\"?"});
}

at::Tensor logits(const std::string& folder, int task) {
  const LoadedModel loaded = load_model_folder(folder, at::kFloat);
  std::vector<testing::Row> rows = testing::tiny_rows(3);
  std::erase_if(rows, [task](const testing::Row& row) { return row.task != task; });
  const bool alone = loaded.model->num_tasks() == 1;
  for (testing::Row& row : rows) row.task = alone ? 0 : task;
  return at::cat(loaded.model->forward(testing::pack(rows)).logits);
}

TEST_F(Foreign, FoldedTermsChangeNoOutputs) {
  save("lora");
  for (const int task : {0, 1, 2, 3, 6}) {
    ConvertOptions fold = options(path_, "folded");
    fold.fold = testing::tiny_tasks()[static_cast<size_t>(task)].name;
    convert(fold);
    EXPECT_EQ(read_model_description(fold.to).model.adapters[0].kind, "none");
    const at::Tensor before = logits(path_, task), after = logits(fold.to, task);
    EXPECT_LT((before - after).abs().max().item<double>(), 1e-5) << fold.fold;
  }
  ConvertOptions unknown = options(path_, "folded");
  unknown.fold = "sts2";
  expect_parts(error(unknown), {"--fold", "sts2", "sts"});
}

}  // namespace
}  // namespace pals
