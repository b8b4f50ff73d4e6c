#include "convert/convert.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "checkpoint/load_tensor_file.h"
#include "checkpoint/name_map.h"
#include "checkpoint/pytorch_file.h"
#include "checkpoint/safetensors.h"
#include "model/open.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

// A folder for each test, with a vocabulary of the reference sets' size and tasks for their heads.
class Convert : public ::testing::Test {
 protected:
  Convert() : folder_(::testing::TempDir() + "pals_convert_" + std::to_string(::getpid())) {
    fs::remove_all(folder_);
    make_directories(folder_);
    std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
    for (int i = 4; i < 211; ++i) vocabulary += "word" + std::to_string(i) + "\n";
    write_file_atomically(path("vocab.txt"), vocabulary);
    const auto task = [](const char* name, const char* rest) {
      return concat("{\"name\": \"", name, "\", ", rest, ", \"text_a\": 0, \"label\": 1,",
                    "\"header\": false, \"format\": \"tsv\", \"train\": \"x.tsv\"}");
    };
    const std::string two = task("two", "\"kind\": \"classification\", \"labels\": [\"a\", \"b\"]");
    const std::string value = task("value", "\"kind\": \"regression\"");
    const std::string three =
        task("three", "\"kind\": \"classification\", \"labels\": [\"x\", \"y\", \"z\"]");
    write_file_atomically(path("tasks.json"),
                          concat("{\"tasks\": [", two, ",", value, ",", three, "]}"));
    write_file_atomically(path("one.json"), concat("{\"tasks\": [", three, "]}"));
  }
  ~Convert() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  ConvertOptions options(const std::string& from, const std::string& to) const {
    ConvertOptions result;
    result.from = from;
    result.to = path(to);
    result.vocab_file = path("vocab.txt");
    return result;
  }

  std::string error(const ConvertOptions& chosen) const {
    try {
      convert(chosen);
    } catch (const Error& found) {
      EXPECT_FALSE(fs::exists(chosen.to) && !fs::is_empty(chosen.to) &&
                   !fs::exists(chosen.to + "/keep"))
          << chosen.to;
      return found.what();
    }
    return "";
  }

  std::string folder_;
};

void expect_parts(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  }
}

// Every tensor of `expected` that `wanted` chooses stands in `found`, bit for bit, and no other.
void expect_same(const TensorFile& found, const TensorFile& expected,
                 const std::string& prefix = "") {
  size_t wanted = 0;
  for (const TensorEntry& tensor : expected.tensors()) {
    if (!tensor.name.starts_with(prefix)) continue;
    ++wanted;
    const TensorEntry* other = found.find(tensor.name.substr(prefix.size()));
    ASSERT_NE(other, nullptr) << tensor.name;
    EXPECT_EQ(other->shape, tensor.shape) << tensor.name;
    ASSERT_EQ(other->bytes.size(), tensor.bytes.size()) << tensor.name;
    EXPECT_EQ(std::memcmp(other->bytes.data(), tensor.bytes.data(), tensor.bytes.size()), 0)
        << tensor.name;
  }
  EXPECT_EQ(found.tensors().size(), wanted);
}

// Folders of reference sets, committed ones and those of PALS_REFERENCE_DIR.
std::vector<std::string> reference_sets() {
  std::vector<std::string> roots = {std::string(PALS_SOURCE_DIR) + "/tests/data/reference"};
  if (const char* more = std::getenv("PALS_REFERENCE_DIR")) roots.emplace_back(more);
  std::vector<std::string> sets;
  for (const std::string& root : roots) {
    for (const std::string& name : list_directory(root)) {
      if (file_exists(root + "/" + name + "/weights.safetensors")) {
        sets.push_back(root + "/" + name);
      }
    }
  }
  return sets;
}

std::string committed_set(const char* name) {
  return concat(PALS_SOURCE_DIR, "/tests/data/reference/", name);
}

std::string pals_set() { return committed_set("pals"); }

// A committed set of one of the reference's single-task classes.
std::string head_set(const std::string& kind) {
  return committed_set(kind == "span" ? "question_answering" : "multiple_choice");
}

bool is_multi_task(const TensorFile& file) { return file.find("classifier.0.weight") != nullptr; }

TEST_F(Convert, KeepsTheReferencesStateDicts) {
  for (const std::string& set : reference_sets()) {
    SCOPED_TRACE(set);
    const std::string from = set + "/weights.safetensors";
    const TensorFile expected = load_tensor_file(from);
    convert(options(from, "a.bin"));
    EXPECT_EQ(tensor_format(MappedFile(path("a.bin")).bytes()), TensorFormat::kPytorch);
    expect_same(read_pytorch_file(path("a.bin")), expected);
    convert(options(path("a.bin"), "b.safetensors"));
    expect_same(read_safetensors(path("b.safetensors")), expected);
    for (const char* name : {"a.bin", "b.safetensors", "bert_config.json"}) fs::remove(path(name));
  }
}

TEST_F(Convert, AFolderAndBackIsTheSame) {
  for (const std::string& set : reference_sets()) {
    SCOPED_TRACE(set);
    const TensorFile expected = load_tensor_file(set + "/weights.safetensors");
    if (!is_multi_task(expected)) continue;
    ConvertOptions to_folder = options(set + "/weights.safetensors", "model");
    to_folder.task_file = path("tasks.json");
    to_folder.overwrite = true;
    const ConvertReport report = convert(to_folder);
    EXPECT_EQ(report.tasks, 3);
    EXPECT_TRUE(report.left_out.empty() && report.missing.empty());
    convert(options(path("model"), "back/model.bin"));
    expect_same(read_pytorch_file(path("back/model.bin")), expected);
    // The configuration beside it leads to the same model once more.
    ConvertOptions again = options(path("back/model.bin"), "model2");
    again.task_file = path("tasks.json");
    again.overwrite = true;
    convert(again);
    for (const char* file :
         {"config.json", "model.safetensors", "tasks.json", "adapters/two/pals_adapter.safetensors",
          "adapters/three/pals_adapter.json"}) {
      EXPECT_EQ(read_file(path(std::string("model/") + file), 1 << 24),
                read_file(path(std::string("model2/") + file), 1 << 24))
          << file;
    }
    fs::remove_all(path("back"));
  }
}

TEST_F(Convert, SingleTaskClassesKeepTheirHead) {
  int found = 0;
  for (const std::string& set : reference_sets()) {
    const TensorFile expected = load_tensor_file(set + "/weights.safetensors");
    const TensorEntry* head = expected.find("classifier.weight");
    if (head == nullptr || head->shape[0] != 3) continue;
    SCOPED_TRACE(set);
    ConvertOptions to_folder = options(set + "/weights.safetensors", "model");
    to_folder.task_file = path("one.json");
    to_folder.overwrite = true;
    convert(to_folder);
    convert(options(path("model"), "back.bin"));
    expect_same(read_pytorch_file(path("back.bin")), expected);
    ++found;
  }
  EXPECT_TRUE(found > 0 || std::getenv("PALS_REFERENCE_DIR") == nullptr);
}

TEST_F(Convert, SpanAndChoiceHeadsBecomeTasks) {
  for (const std::string kind : {"span", "multiple_choice"}) {
    SCOPED_TRACE(kind);
    const TensorFile expected = load_tensor_file(head_set(kind) + "/weights.safetensors");
    ConvertOptions to_folder = options(head_set(kind) + "/weights.safetensors", kind);
    expect_parts(error(to_folder), {"--tasks or --task_file is missing", "--kind"});
    to_folder.kind = kind;
    to_folder.version_2_with_negative = kind == "span";
    const ConvertReport report = convert(to_folder);
    EXPECT_TRUE(report.left_out.empty() && report.missing.empty());
    const Json task = read_json(path(kind + "/tasks.json"))["tasks"][0];
    EXPECT_EQ(task["kind"], kind);
    EXPECT_EQ(task.value("unanswerable", false), kind == "span");
    convert(options(path(kind), kind + ".bin"));
    expect_same(read_pytorch_file(path(kind + ".bin")), expected);
    // Under transformers' names, and back.
    ConvertOptions out = options(path(kind), kind + ".safetensors");
    out.names = "transformers";
    convert(out);
    const TensorFile renamed = read_safetensors(out.to);
    EXPECT_EQ(renamed.tensors().size(), expected.tensors().size());
    EXPECT_NE(renamed.find("bert.embeddings.LayerNorm.weight"), nullptr);
    EXPECT_NE(renamed.find(kind == "span" ? "qa_outputs.weight" : "classifier.weight"), nullptr);
    convert(options(out.to, "back.bin"));
    expect_same(read_pytorch_file(path("back.bin")), expected);
  }
}

TEST_F(Convert, TensorflowToEncoder) {
  const char* reference = std::getenv("PALS_REFERENCE_DIR");
  if (reference == nullptr) GTEST_SKIP() << "PALS_REFERENCE_DIR is not set";
  const std::string root = reference;
  const TensorFile expected = load_tensor_file(root + "/shared/weights.safetensors");
  // The reference's three arguments; its output's names have no prefix.
  ConvertOptions three = options(root + "/tf_checkpoint/bert_model.ckpt", "pytorch_model.bin");
  three.bert_config_file = root + "/tf_checkpoint/bert_config.json";
  const ConvertReport report = convert(three);
  EXPECT_EQ(report.from_format, "TensorFlow");
  EXPECT_EQ(report.tasks, 0);
  expect_same(read_pytorch_file(path("pytorch_model.bin")), expected, "bert.");
  // A folder of the release, to an encoder's folder.
  convert(options(root + "/tf_checkpoint", "encoder"));
  EXPECT_FALSE(fs::exists(path("encoder/tasks.json")));
  const TensorFile encoder = read_safetensors(path("encoder/model.safetensors"));
  const TensorEntry* gamma = encoder.find("embeddings.LayerNorm.weight");
  const TensorEntry* same = expected.find("bert.embeddings.LayerNorm.gamma");
  ASSERT_NE(gamma, nullptr);
  EXPECT_EQ(std::memcmp(gamma->bytes.data(), same->bytes.data(), gamma->bytes.size()), 0);
}

TEST_F(Convert, NamesAndEncoderOnly) {
  ConvertOptions chosen = options(pals_set() + "/weights.safetensors", "e.safetensors");
  chosen.encoder_only = true;
  chosen.names = "transformers";
  const ConvertReport report = convert(chosen);
  EXPECT_EQ(report.tasks, 0);
  EXPECT_EQ(report.adapter, "none");
  EXPECT_FALSE(report.left_out.empty());
  const TensorFile encoder = read_safetensors(chosen.to);
  EXPECT_NE(encoder.find("encoder.layer.0.output.LayerNorm.weight"), nullptr);
  EXPECT_EQ(encoder.find("classifier.0.weight"), nullptr);
  chosen.encoder_only = false;
  chosen.names = "pals";
  chosen.to = path("own/p.safetensors");
  convert(chosen);
  EXPECT_NE(read_safetensors(chosen.to).find("tasks.2.pal.down.weight"), nullptr);
  convert(options(chosen.to, "again.bin"));
  expect_same(read_pytorch_file(path("again.bin")),
              load_tensor_file(pals_set() + "/weights.safetensors"));
}

// Rewrites the set's tensors with one change.
class Changed : public Convert {
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
TEST_F(Convert, SpanHeadsNeedNoPooler) {
  const TensorFile expected = load_tensor_file(head_set("span") + "/weights.safetensors");
  fs::copy_file(head_set("span") + "/config.json", path("config.json"));
  for (const std::string prefix : {"bert.", ""}) {
    SCOPED_TRACE(prefix);
    std::vector<TensorEntry> tensors;
    for (TensorEntry tensor : expected.tensors()) {
      if (tensor.name.starts_with("bert.pooler.")) continue;
      if (tensor.name.starts_with("bert.")) tensor.name = prefix + tensor.name.substr(5);
      tensors.push_back(std::move(tensor));
    }
    write_pytorch_file(path("qa.bin"), tensors);
    ConvertOptions to_folder = options(path("qa.bin"), "model");
    to_folder.kind = "span";
    to_folder.overwrite = true;
    EXPECT_EQ(convert(to_folder).missing.size(), 2U);
    load_model_folder(path("model"), at::kFloat);
    convert(options(path("model"), "back.bin"));
    const TensorFile back = read_pytorch_file(path("back.bin"));
    EXPECT_EQ(back.tensors().size(), expected.tensors().size() - 2);
    const TensorEntry* head = back.find("qa_outputs.weight");
    ASSERT_NE(head, nullptr);
    EXPECT_EQ(std::memcmp(head->bytes.data(), expected.find(head->name)->bytes.data(),
                          head->bytes.size()),
              0);
  }
}

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

TEST_F(Convert, FlagsAreChecked) {
  const std::string from = pals_set() + "/weights.safetensors";
  expect_parts(error(options(from, "model")), {"--tasks or --task_file is missing", "3 tasks"});
  ConvertOptions chosen = options(from, "model");
  chosen.task_file = path("one.json");
  expect_parts(error(chosen), {"1 tasks", "heads of 3"});
  chosen.task_file.clear();
  chosen.tasks = "rte,mrpc,mnli";
  expect_parts(error(chosen), {"task 1 (mrpc) has 2 outputs, the head 1"});
  chosen.tasks.clear();
  chosen.kind = "span";
  expect_parts(error(chosen), {"--kind: 1 tasks", "heads of 3"});
  chosen.tasks = "rte";
  expect_parts(error(chosen), {"--kind makes no sense beside --tasks"});
  chosen.kind.clear();
  chosen.version_2_with_negative = true;
  expect_parts(error(chosen), {"--version_2_with_negative", "--kind span"});
  ConvertOptions choice = options(head_set("multiple_choice") + "/weights.safetensors", "model");
  choice.kind = "span";
  expect_parts(error(choice), {"of the kind span, the head is a classifier"});
  choice.kind = "spam";
  expect_parts(error(choice), {"--kind", "did you mean", "span"});
  chosen.version_2_with_negative = false;
  chosen.tasks = "rte,sts,mnli";
  chosen.vocab_file.clear();
  expect_parts(error(chosen), {"--vocab_file is missing"});
  chosen.vocab_file = path("vocab.txt");
  chosen.max_seq_length = 60'000;
  expect_parts(error(chosen), {"--max_seq_length 60000"});
  chosen.max_seq_length.reset();
  chosen.names = "mine";
  expect_parts(error(chosen), {"--names", "mine"});
  chosen.names = "reference";
  chosen.to_format = "onnx";
  expect_parts(error(chosen), {"--to", "onnx"});
  expect_parts(error(options(path("nothing"), "a.bin")), {"FROM", "nothing"});
  expect_parts(error(ConvertOptions()), {"FROM and TO are missing"});
}

TEST_F(Convert, ForeignFoldersAndFilesAreSafe) {
  const std::string from = pals_set() + "/weights.safetensors";
  make_directories(path("mine"));
  write_file_atomically(path("mine/keep"), "x");
  ConvertOptions chosen = options(from, "mine");
  chosen.tasks = "rte,sts,mnli";
  chosen.overwrite = true;
  expect_parts(error(chosen), {"no model folder"});
  chosen.to = path("model");
  convert(chosen);
  chosen.overwrite = false;
  EXPECT_THROW(convert(chosen), UsageError);
  chosen.to_format = "pytorch";
  EXPECT_THROW(convert(chosen), Error);
  EXPECT_TRUE(fs::exists(path("mine/keep")) && fs::exists(path("model/tasks.json")));
}

TEST_F(Convert, WhatTheReferenceLacksIsSaid) {
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
  dropped.names = "pals";
  convert(dropped);
}

}  // namespace
}  // namespace pals
