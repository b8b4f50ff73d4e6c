#include "model/model_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "model/open.h"
#include "model/test_model_folder.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

using testing::ModelFolder;
using testing::pack;
using testing::tiny_adapter;
using testing::tiny_rows;
using testing::tiny_tasks;
using testing::tiny_tokenizer;

TEST_F(ModelFolder, RoundTripsBitForBit) {
  for (const std::string& kind : adapter_names()) {
    const auto model = save(kind);
    const LoadedModel loaded = load_model_folder(path_, at::kFloat);
    EXPECT_TRUE(at::equal(loaded.model->arena().weights(), model->arena().weights())) << kind;
    EXPECT_EQ(loaded.description.max_seq_length, 12);
    EXPECT_EQ(loaded.description.tasks, tiny_tasks());
    EXPECT_EQ(loaded.description.adapters,
              describe(tiny_adapter(kind, {}, kind == "pals")).adapters);
    EXPECT_EQ(loaded.tokenizer->vocabulary().size(), 6);
    EXPECT_FALSE(loaded.tokenizer->do_lower_case());
    const PackedBatch batch = pack(tiny_rows(2));
    model->pack_weights();
    const auto expected = model->forward(batch), actual = loaded.model->forward(batch);
    for (size_t i = 0; i < testing::kTinyTasks; ++i) {
      EXPECT_TRUE(at::equal(actual.logits[i], expected.logits[i])) << kind;
    }
  }
}

// Earlier versions wrote what no task file may say today.
TEST_F(ModelFolder, LossesThatWouldNotTrainAreNoObstacle) {
  const AdapterConfig adapter = tiny_adapter("pals");
  ModelDescription description = describe(adapter);
  description.tasks[0].loss = {.weight = 0.0, .class_weights = {1.0, 0.0}, .label_smoothing = 1.0};
  const auto model = testing::tiny_model(testing::tiny_bert(), adapter);
  save_model_folder(path_, *model, description, tiny_tokenizer());
  EXPECT_EQ(load_model_folder(path_, at::kFloat).description.tasks, description.tasks);
}

TEST_F(ModelFolder, LoadsIntoBf16) {
  const auto model = save("pals");
  const LoadedModel loaded = load_model_folder(path_, at::kBFloat16);
  EXPECT_TRUE(
      at::equal(loaded.model->arena().shadow(), model->arena().weights().to(at::kBFloat16)));
}

TEST_F(ModelFolder, HoldsTheDocumentedFiles) {
  const auto model = save("low_rank");
  for (const char* file :
       {"config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json", "tasks.json",
        "adapters/mine/pals_adapter.json", "adapters/mine/pals_adapter.safetensors"}) {
    EXPECT_TRUE(file_exists(path_ + "/" + file)) << file;
  }
  EXPECT_EQ(read("config.json")["model_type"], "bert");
  EXPECT_EQ(read("config.json")["pals"], (Json{{"max_seq_length", 12}}));
  EXPECT_EQ(read("adapters/mine/pals_adapter.json")["adapter"]["kind"], "low_rank");
  // The shared part under transformers' names and nothing else.
  const TensorFile shared = read_safetensors(path_ + "/model.safetensors");
  EXPECT_EQ(shared.metadata().at("format"), "pt");
  for (const TensorEntry& entry : shared.tensors()) {
    EXPECT_TRUE(entry.name.starts_with("embeddings.") || entry.name.starts_with("encoder.layer.") ||
                entry.name.starts_with("pooler."))
        << entry.name;
  }
  const TensorFile task = read_safetensors(path_ + "/adapters/mine/pals_adapter.safetensors");
  EXPECT_NE(task.find("classifier.weight"), nullptr);
  EXPECT_NE(task.find("layer.1.low_rank.up.bias"), nullptr);
}

TEST_F(ModelFolder, ReplacesAnOlderFolderWhole) {
  save("houlsby", 1);
  write("adapters/leftover", "old");
  const auto model = save("lhuc", 2);
  const LoadedModel loaded = load_model_folder(path_, at::kFloat);
  EXPECT_TRUE(at::equal(loaded.model->arena().weights(), model->arena().weights()));
  EXPECT_FALSE(file_exists(path_ + "/adapters/leftover"));
  EXPECT_EQ(list_directory(root_), std::vector<std::string>{"best"});
}

TEST_F(ModelFolder, AnOlderFolderMayEndInASlash) {
  const auto model = save("none");
  const ModelDescription description = describe(tiny_adapter("none"));
  for (int i = 0; i < 2; ++i) {
    save_model_folder(root_ + "/other//", *model, description, tiny_tokenizer());
    EXPECT_EQ(list_directory(root_), (std::vector<std::string>{"best", "other"}));
    EXPECT_EQ(list_directory(root_ + "/other"), list_directory(path_));
  }
  EXPECT_THROW(save_model_folder(root_ + "/.", *model, description, tiny_tokenizer()), Error);
  EXPECT_EQ(list_directory(root_), (std::vector<std::string>{"best", "other"}));
}

TEST_F(ModelFolder, WhatAnInterruptedWriteLeftIsNoObstacle) {
  fs::create_directories(path_ + ".tmp.1.1/adapters");
  std::ofstream(path_ + ".tmp.1.1/adapters/half") << "x";
  save("none");
  EXPECT_EQ(load_error(), "");
  EXPECT_FALSE(fs::exists(path_ + "/adapters/half"));
  EXPECT_EQ(list_directory(root_), (std::vector<std::string>{"best", "best.tmp.1.1"}));
}

TEST_F(ModelFolder, AFailedWriteLeavesTheOlderFolder) {
  const auto model = save("pals");
  const AdapterConfig adapter = tiny_adapter("pals", {}, true);
  EXPECT_THROW(
      save_model_folder(path_, *model, describe(adapter), tiny_tokenizer(), -1, root_ + "/nowhere"),
      Error);
  EXPECT_EQ(load_error(), "");
  EXPECT_EQ(list_directory(root_), std::vector<std::string>{"best"});
}

TEST_F(ModelFolder, OneTaskCanBeSavedWithTheOthersWeights) {
  const auto model = save("pals");
  const std::string single = root_ + "/best-sts";
  save_model_folder(single, *model, describe(model->adapter_config(0)), tiny_tokenizer(true), 1,
                    path_);
  const LoadedModel loaded = load_model_folder(single, at::kFloat);
  ASSERT_EQ(loaded.description.tasks.size(), 1U);
  EXPECT_EQ(loaded.description.tasks.front(), tiny_tasks()[1]);
  EXPECT_TRUE(loaded.tokenizer->do_lower_case());
  EXPECT_EQ(list_directory(single + "/adapters"), std::vector<std::string>{"sts"});
  std::vector<testing::Row> rows = testing::rows_of(tiny_rows(3), 1);
  model->pack_weights();
  const at::Tensor expected = model->forward(pack(rows)).logits.front();
  for (testing::Row& row : rows) row.task = 0;
  EXPECT_TRUE(at::equal(loaded.model->forward(pack(rows)).logits.front(), expected));
  // The linked file stays whole when the first folder is replaced.
  save("pals", 5);
  EXPECT_NO_THROW(load_model_folder(single, at::kFloat));
}

TEST_F(ModelFolder, MissingFilesAreNamed) {
  save("pals");
  const std::string whole = root_ + "/whole";
  fs::copy(path_, whole, fs::copy_options::recursive);
  for (const char* file :
       {"config.json", "model.safetensors", "vocab.txt", "tasks.json",
        "adapters/sst/pals_adapter.json", "adapters/sst/pals_adapter.safetensors"}) {
    fs::remove(path_ + "/" + file);
    expect_load_error({path_, file});
    fs::copy(whole + "/" + file, path_ + "/" + file);
  }
  EXPECT_EQ(load_error(), "");
  fs::remove_all(path_);
  expect_load_error({path_, "no such model folder"});
}

TEST_F(ModelFolder, DamagedFilesAreErrors) {
  save("pals");
  const std::string whole = root_ + "/whole";
  fs::copy(path_, whole, fs::copy_options::recursive);
  const auto restore = [&](const std::string& file) {
    fs::copy(whole + "/" + file, path_ + "/" + file, fs::copy_options::overwrite_existing);
  };
  const std::vector<std::pair<const char*, const char*>> damages = {
      {"config.json", "{}"},
      {"config.json", "[1]"},
      {"tasks.json", "{\"tasks\": []}"},
      {"tasks.json", "{\"tasks\": [3]}"},
      {"tasks.json", "[]"},
      {"tasks.json",
       R"({"tasks": [{"name": "sst", "kind": "multiple_choice"},
                     {"name": "sst", "kind": "multiple_choice"}]})"},
      {"tokenizer_config.json", "{\"do_lower_case\": 3}"},
      {"vocab.txt", "[PAD]\n"},
      {"adapters/sst/pals_adapter.json", "[]"},
      {"adapters/sst/pals_adapter.json", "{}"},
      {"adapters/sst/pals_adapter.json", "{\"shared_weights\": 3}"},
      {"adapters/sst/pals_adapter.safetensors", "short"},
      {"model.safetensors", ""},
  };
  for (const auto& [file, text] : damages) {
    write(file, text);
    EXPECT_NE(load_error(), "") << file << ": " << text;
    restore(file);
  }
  for (const Json& adapter :
       {Json("pals"), Json::object(), Json{{"kind", "pals"}, {"rank", 8}},
        Json{{"kind", "pals"}, {"size", 7}}, Json{{"kind", "lora"}, {"targets", {"wall"}}}}) {
    Json file = read("adapters/sst/pals_adapter.json");
    file["adapter"] = adapter;
    write("adapters/sst/pals_adapter.json", file.dump());
    expect_load_error({"adapters/sst/pals_adapter.json"});
    restore("adapters/sst/pals_adapter.json");
  }
  for (const Json& pals : {Json(3), Json::array({1}), Json{{"adapter", "pals"}}}) {
    Json config = read("config.json");
    config["pals"] = pals;
    write("config.json", config.dump());
    expect_load_error({"config.json", "\"pals\""});
    restore("config.json");
  }
  for (const Json& length : {Json(2), Json(-5), Json(17), Json(1e12), Json("9"), Json(nullptr)}) {
    Json config = read("config.json");
    config["pals"]["max_seq_length"] = length;
    write("config.json", config.dump());
    expect_load_error({"config.json", "max_seq_length", length.dump(), "16"});
    restore("config.json");
  }
  EXPECT_EQ(load_error(), "");
}

TEST_F(ModelFolder, AVocabularyLargerThanTheModelIsRefused) {
  save("none");
  std::string text = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
  for (int i = 0; i < 40; ++i) text += concat("w", i, "\n");
  write("vocab.txt", text);
  expect_load_error({"vocab.txt", "44 tokens", "vocab_size of 40"});
}

}  // namespace
}  // namespace pals
