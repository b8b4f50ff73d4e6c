// What a conversion refuses: parts that do not fit, flags, and files that are not its own.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/load_tensor_file.h"
#include "checkpoint/name_map.h"
#include "checkpoint/pytorch_file.h"
#include "checkpoint/safetensors.h"
#include "convert/convert.h"
#include "convert/test_convert.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

using testing::expect_parts;
using testing::expect_same;
using testing::head_set;
using testing::pals_set;

class Refusals : public testing::ConvertTest {};

class Changed : public testing::ConvertTest {
 protected:
  Changed() : file_(load_tensor_file(pals_set() + "/weights.safetensors")) {
    tensors_ = file_.tensors();
    fs::copy_file(pals_set() + "/config.json", path("config.json"));
  }

  TensorEntry& at(const std::string& name) {
    for (TensorEntry& tensor : tensors_) {
      if (tensor.name == name) return tensor;
    }
    throw Error("no tensor " + name);
  }

  void drop(const std::string& name) {
    std::erase_if(tensors_, [&](const TensorEntry& tensor) { return tensor.name == name; });
  }

  std::string error_of_file(const std::string& to = "model", const std::string& tasks = "") {
    write_pytorch_file(path("changed.bin"), tensors_);
    ConvertOptions chosen = options(path("changed.bin"), to);
    chosen.task_file = tasks.empty() ? path("tasks.json") : tasks;
    return error(chosen);
  }

  TensorFile file_;
  std::vector<TensorEntry> tensors_;
};

TEST_F(Changed, EveryProblemIsNamed) {
  drop("bert.encoder.layer.0.attention.self.key.bias");
  drop("bert.pooler.dense.weight");
  TensorEntry& dense = at("bert.encoder.layer.1.output.dense.bias");
  dense.shape = {1, dense.shape[0]};
  at("classifier.2.bias").name = "classifier.2.offset";
  expect_parts(
      error_of_file(),
      {"tensors that do not fit: bert.encoder.layer.1.output.dense.bias (found [1, 48], ",
       "expected [48])", "missing tensors: encoder.layer.0.attention.self.key.bias [48] and 2 more",
       "unknown name: classifier.2.offset"});
}

TEST_F(Changed, UnexpectedTensorsAreNamedOrDropped) {
  TensorEntry extra = at("classifier.2.bias");
  extra.name = "my.own\x1bthing";
  tensors_.push_back(extra);
  extra.name = "cls.predictions.bias";
  tensors_.push_back(extra);
  expect_parts(error_of_file("a.bin"), {"unexpected tensors", "\"my.own\\x1bthing", "[3]"});
  ConvertOptions chosen = options(path("changed.bin"), "a.bin");
  chosen.drop_unexpected = true;
  const ConvertReport report = convert(chosen);
  EXPECT_EQ(report.left_out.size(), 2u);
  expect_same(read_pytorch_file(path("a.bin")), file_);
}

TEST_F(Changed, HeadsAreNotLost) {
  drop("classifier.1.weight");
  expect_parts(error_of_file(), {"missing tensors: classifier.1.weight"});
  at("classifier.2.weight").name = "classifier.99999.weight";
  expect_parts(error_of_file(), {"classifier.99999.weight", "no task"});
}

// As transformers' BertForQuestionAnswering writes itself: without a pooler; without `bert.` where
// an encoder's names stand alone.
TEST_F(Changed, TiedMatricesMustAgree) {
  at("bert.encoder.layer.1.multi_layers.0.aug_dense.weight").bytes =
      at("bert.encoder.layer.1.multi_layers.1.aug_dense.weight").bytes;
  expect_parts(error_of_file("a.bin"), {"aug_dense.weight (differs from", "tied"});
}

TEST_F(Changed, ConfigurationsMustFit) {
  fs::remove(path("config.json"));
  expect_parts(error_of_file("a.bin"), {"--bert_config_file is missing"});
  ConvertOptions chosen = options(path("changed.bin"), "a.bin");
  Json config = read_json(pals_set() + "/config.json");
  config.erase("mult");
  config.erase("pals");
  write_file_atomically(path("config.json"), json_text(config));
  expect_parts(error(chosen), {"unexpected tensors", "adapter none", "and 99 more"});
}

TEST_F(Refusals, FlagsAreChecked) {
  const std::string from = pals_set() + "/weights.safetensors";
  expect_parts(error(options(from, "model")), {"--tasks or --task_file is missing", "3 tasks"});
  ConvertOptions chosen = options(from, "model");
  chosen.task_file = path("one.json");
  expect_parts(error(chosen), {"1 task,", "heads of 3"});
  chosen.task_file.clear();
  chosen.tasks = "rte,mrpc,mnli";
  expect_parts(error(chosen), {"task 1 (mrpc) has 2 outputs, the head 1"});
  chosen.tasks.clear();
  chosen.kind = TaskKind::kSpan;
  expect_parts(error(chosen), {"--kind: 1 task,", "heads of 3"});
  chosen.tasks = "rte";
  expect_parts(error(chosen), {"--kind makes no sense beside --tasks"});
  chosen.kind.reset();
  chosen.version_2_with_negative = true;
  expect_parts(error(chosen), {"--version_2_with_negative", "--kind span"});
  ConvertOptions choice = options(head_set("multiple_choice") + "/weights.safetensors", "model");
  choice.kind = TaskKind::kSpan;
  expect_parts(error(choice), {"of the kind span, the head is a classifier"});
  choice.kind = TaskKind::kRegression;
  expect_parts(error(choice), {"--kind regression", "expected span or multiple_choice"});
  chosen.version_2_with_negative = false;
  chosen.tasks = "rte,sts,mnli";
  chosen.vocab_file.clear();
  expect_parts(error(chosen), {"--vocab_file is missing"});
  chosen.vocab_file = path("vocab.txt");
  chosen.max_seq_length = 60'000;
  expect_parts(error(chosen), {"--max_seq_length 60000"});
  chosen.max_seq_length.reset();
  expect_parts(error(options(path("nothing"), "a.bin")), {"FROM", "nothing"});
  expect_parts(error(ConvertOptions()), {"FROM and TO are missing"});
}

TEST_F(Refusals, ForeignFoldersAndFilesAreSafe) {
  const std::string from = pals_set() + "/weights.safetensors";
  make_directories(path("mine"));
  write_file_atomically(path("mine/keep"), "x");
  ConvertOptions chosen = options(from, "mine");
  chosen.tasks = "rte,sts,mnli";
  chosen.overwrite = true;
  expect_parts(error(chosen), {"no model folder", "give another name"});
  chosen.to = path("model");
  convert(chosen);
  chosen.overwrite = false;
  EXPECT_THROW(convert(chosen), UsageError);
  chosen.to_format = TargetFormat::kPytorch;
  EXPECT_THROW(convert(chosen), Error);
  EXPECT_TRUE(fs::exists(path("mine/keep")) && fs::exists(path("model/tasks.json")));
}

TEST_F(Refusals, WhatTheReferenceLacksIsSaid) {
  ConvertOptions chosen = options(pals_set() + "/weights.safetensors", "model");
  chosen.tasks = "rte,sts,mnli";
  convert(chosen);
  // The same folder, as though its adapters were in the first layer only.
  for (const char* task : {"rte", "sts", "mnli"}) {
    const std::string file = path(concat("model/adapters/", task, "/pals_adapter.json"));
    Json json = read_json(file);
    json["adapter"]["layers"] = {0};
    write_file_atomically(file, json_text(json));
  }
  expect_parts(error(options(path("model"), "a.bin")), {"pals_adapter.json", "damaged"});
  ConvertOptions dropped = options(path("model"), "a.bin");
  dropped.accept_changes = true;
  expect_parts(error(dropped), {"unexpected tensors", "layer.1.pal"});
  dropped.drop_unexpected = true;
  expect_parts(error(dropped), {"every layer", "1 of"});
  dropped.names = TensorNames::kOwn;
  convert(dropped);
}

}  // namespace
}  // namespace pals
