#include "convert/convert.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/load_tensor_file.h"
#include "checkpoint/pytorch_file.h"
#include "checkpoint/safetensors.h"
#include "convert/test_convert.h"
#include "kinds/kind.h"
#include "model/open.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

using testing::expect_parts;
using testing::expect_same;
using testing::head_set;
using testing::pals_set;
using testing::reference_sets;

class Convert : public testing::ConvertTest {};

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
  for (const TaskKind chosen : {TaskKind::kSpan, TaskKind::kMultipleChoice}) {
    const std::string kind = kind_name(chosen);
    SCOPED_TRACE(kind);
    const TensorFile expected = load_tensor_file(head_set(kind) + "/weights.safetensors");
    ConvertOptions to_folder = options(head_set(kind) + "/weights.safetensors", kind);
    expect_parts(error(to_folder), {"--tasks or --task_file is missing", "--kind"});
    to_folder.kind = chosen;
    to_folder.version_2_with_negative = chosen == TaskKind::kSpan;
    const ConvertReport report = convert(to_folder);
    EXPECT_TRUE(report.left_out.empty() && report.missing.empty());
    const Json task = read_json(path(kind + "/tasks.json"))["tasks"][0];
    EXPECT_EQ(task["kind"], kind);
    EXPECT_EQ(task.value("unanswerable", false), kind == "span");
    convert(options(path(kind), kind + ".bin"));
    expect_same(read_pytorch_file(path(kind + ".bin")), expected);
    // Under transformers' names, and back.
    ConvertOptions out = options(path(kind), kind + ".safetensors");
    out.names = TensorNames::kTransformers;
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
  chosen.names = TensorNames::kTransformers;
  const ConvertReport report = convert(chosen);
  EXPECT_EQ(report.tasks, 0);
  EXPECT_EQ(report.adapter, "none");
  EXPECT_FALSE(report.left_out.empty());
  const TensorFile encoder = read_safetensors(chosen.to);
  EXPECT_NE(encoder.find("encoder.layer.0.output.LayerNorm.weight"), nullptr);
  EXPECT_EQ(encoder.find("classifier.0.weight"), nullptr);
  chosen.encoder_only = false;
  chosen.names = TensorNames::kOwn;
  chosen.to = path("own/p.safetensors");
  convert(chosen);
  EXPECT_NE(read_safetensors(chosen.to).find("tasks.2.pal.down.weight"), nullptr);
  convert(options(chosen.to, "again.bin"));
  expect_same(read_pytorch_file(path("again.bin")),
              load_tensor_file(pals_set() + "/weights.safetensors"));
}

// Rewrites the set's tensors with one change.

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
    to_folder.kind = TaskKind::kSpan;
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

// A task file's task of each kind (empty: flags describe it), and the outputs of its head.
struct KindOfHead {
  TaskKind kind;
  int64_t outputs;
  const char* rest;
};
constexpr KindOfHead kHeads[] = {
    {TaskKind::kClassification, 2, R"("labels": ["a", "b"], "text_a": 0, "label": 1)"},
    {TaskKind::kRegression, 1, R"("text_a": 0, "label": 1)"},
    {TaskKind::kMultiLabel, 3,
     R"("labels": ["a", "b", "c"], "text_a": 0, "label": 1, "label_separator": ";")"},
    {TaskKind::kTagging, 3, R"("labels": ["O", "B-X", "I-X"], "format": "conll")"},
    {TaskKind::kSpan, 2, ""},
    {TaskKind::kMultipleChoice, 1, ""}};

class EveryHead : public testing::ConvertTest {
 protected:
  // transformers writes BertForTokenClassification and BertForQuestionAnswering without a pooler.
  void write(const KindOfHead& head, bool has_pooler) {
    const TensorFile set = load_tensor_file(head_set("multiple_choice") + "/weights.safetensors");
    std::vector<TensorEntry> tensors;
    int64_t hidden = 0;
    for (const TensorEntry& tensor : set.tensors()) {
      if (tensor.name == "classifier.weight") hidden = tensor.shape[1];
      if (tensor.name.starts_with("classifier.")) continue;
      if (has_pooler || !tensor.name.starts_with("bert.pooler.")) tensors.push_back(tensor);
    }
    const std::vector<float> values(static_cast<size_t>(head.outputs * hidden), 0.5F);
    const std::string name = kind_of(head.kind).head().name;
    tensors.push_back(
        make_tensor_entry(name + ".weight", DType::kF32, {head.outputs, hidden}, values.data()));
    tensors.push_back(
        make_tensor_entry(name + ".bias", DType::kF32, {head.outputs}, values.data()));
    write_pytorch_file(path("head.bin"), tensors);
    write_file_atomically(path("head.json"),
                          concat(R"({"tasks": [{"name": "mine", "kind": ")", kind_name(head.kind),
                                 R"(", "train": "x.tsv", )", head.rest, "}]}"));
  }

  ConvertOptions to_folder(const KindOfHead& head, const std::string& to) const {
    ConvertOptions chosen = options(path("head.bin"), to);
    if (std::string(head.rest).empty()) {
      chosen.kind = head.kind;
    } else {
      chosen.task_file = path("head.json");
    }
    return chosen;
  }
};

TEST_F(EveryHead, NeedsAPoolerUnlessItReadsTokens) {
  fs::copy_file(head_set("multiple_choice") + "/config.json", path("config.json"));
  for (const KindOfHead& head : kHeads) {
    for (const bool has_pooler : {true, false}) {
      const std::string to = concat(kind_name(head.kind), has_pooler ? "" : "-without");
      SCOPED_TRACE(to);
      write(head, has_pooler);
      const ConvertOptions chosen = to_folder(head, to);
      if (!has_pooler && !kind_of(head.kind).head().reads_tokens) {
        expect_parts(error(chosen), {"pooler"});
        continue;
      }
      EXPECT_EQ(convert(chosen).missing.size(), has_pooler ? 0U : 2U);
      EXPECT_EQ(load_model_folder(path(to), at::kFloat).has_pooler, has_pooler);
      convert(options(path(to), to + "-back/m.bin"));
      convert(options(path("head.bin"), to + "-file/m.bin"));  // without a task
      const TensorFile from = load_tensor_file(path("head.bin"));
      expect_same(load_tensor_file(path(to + "-back/m.bin")), from);
      expect_same(load_tensor_file(path(to + "-file/m.bin")), from);
    }
  }
}

}  // namespace
}  // namespace pals
