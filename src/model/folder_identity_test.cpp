// A model folder is held to what its tasks were trained with.
#include "model/folder_identity.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log_sink.h"
#include "model/open.h"
#include "model/test_model_folder.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

using testing::ModelFolder;
using testing::tiny_adapter;
using testing::tiny_tasks;
using testing::tiny_tokenizer;

TEST_F(ModelFolder, AnAdapterOfOtherWeightsIsRefused) {
  save("pals", 1);
  const std::string other = root_ + "/other";
  fs::rename(path_, other);
  save("pals", 2);
  fs::remove_all(path_ + "/adapters/mine");
  fs::copy(other + "/adapters/mine", path_ + "/adapters/mine");
  expect_load_error({"adapters/mine", "other shared weights", "model.safetensors"});
}

// Each change of what a folder says of itself, and what the refusal names.
TEST_F(ModelFolder, WhatItWasNotTrainedWithIsRefused) {
  save("pals");
  const std::string whole = root_ + "/whole";
  fs::copy(path_, whole, fs::copy_options::recursive);
  const auto refuse = [&](const std::string& file, const std::function<void(Json&)>& change,
                          const std::string& difference) {
    Json json = read(file);
    change(json);
    write(file, json.dump());
    expect_load_error({path_, "is not what it was trained with: " + difference, "put it back",
                       "pals convert --accept_changes"});
    EXPECT_LT(load_error().size(), 200 + path_.size());
    fs::copy(whole + "/" + file, path_ + "/" + file, fs::copy_options::overwrite_existing);
  };
  refuse(
      "config.json", [](Json& json) { json["hidden_act"] = "relu"; },
      "BERT configuration, hidden_act was \"gelu\", now \"relu\"");
  refuse(
      "config.json", [](Json& json) { json["num_attention_heads"] = 2; },
      "BERT configuration, num_attention_heads was \"4\", now \"2\"");
  refuse(
      "config.json", [](Json& json) { json["layer_norm_eps"] = 1e-5; },
      "BERT configuration, layer_norm_eps was \"1e-12\", now \"1e-05\"");
  refuse(
      "config.json", [](Json& json) { json["pals"]["max_seq_length"] = 9; },
      "max_seq_length was \"12\", now \"9\"");
  refuse(
      "tasks.json",
      [](Json& json) {
        json["tasks"][0]["labels"] = {"good", "bad"};
      },
      "task sst, labels was \"bad, good\", now \"good, bad\"");
  refuse(
      "tasks.json",
      [](Json& json) {
        json["tasks"][2]["labels"] = {"a", "b", "d"};
      },
      "task mine, labels was \"a, b, c\", now \"a, b, d\"");
  refuse(
      "tasks.json", [](Json& json) { json["tasks"][1]["label_scale"] = 100; },
      "task sts, label_scale was \"5.0\", now \"100.0\"");
  refuse(
      "tasks.json", [](Json& json) { json["tasks"][3]["null_threshold"] = 2; },
      "task squad, null_threshold was \"-1.5\", now \"2.0\"");
  refuse(
      "tokenizer_config.json", [](Json& json) { json["do_lower_case"] = true; },
      "tokenizer settings, do_lower_case was \"false\", now \"true\"");
  EXPECT_EQ(load_error(), "");

  write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n##s\nword\n");
  expect_load_error({"content of the vocabulary was \""});
  EXPECT_THROW(open_folder_tokenizer(path_), Error);
  // What a user says beside the folder is not compared.
  fs::copy(whole + "/vocab.txt", path_ + "/vocab.txt", fs::copy_options::overwrite_existing);
  EXPECT_TRUE(load_model_folder(path_, at::kFloat, at::kCPU, true).tokenizer->do_lower_case());
  EXPECT_FALSE(open_folder_tokenizer(path_).do_lower_case());
}

TEST_F(ModelFolder, WhatMakesNoDifferenceMayChange) {
  save("pals");
  Json config = read("config.json"), tasks = read("tasks.json");
  config["transformers_version"] = "4.57.0";
  config["pooler_type"] = "first_token_transform";
  write("config.json", config.dump());
  tasks["tasks"][4]["dev"] = {
      {"path", "mine.csv"}, {"context", "a"}, {"choices", {"b", "c"}}, {"label", "d"}};
  std::swap(tasks["tasks"][0], tasks["tasks"][1]);
  write("tasks.json", tasks.dump(4));
  write("vocab.txt", "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\nword\r\n##s\r\n");
  write("notes.txt", "mine");
  write("adapters/sst/notes.txt", "mine");
  EXPECT_EQ(load_error(), "");
  const std::string other = root_ + "/renamed";
  fs::rename(path_, other);
  EXPECT_NO_THROW(load_model_folder(other, at::kFloat));
}

TEST_F(ModelFolder, AdaptersAreHeldToTheirHashes) {
  save("pals");
  const std::string whole = root_ + "/whole", sst = path_ + "/adapters/sst";
  fs::copy(path_, whole, fs::copy_options::recursive);
  const auto restore = [&] {
    fs::copy(whole, path_, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  };
  // A bit of a value.
  std::string weights = read_file(sst + "/pals_adapter.safetensors", 1 << 20);
  weights[weights.size() - 3] = static_cast<char>(weights[weights.size() - 3] ^ 4);
  write("adapters/sst/pals_adapter.safetensors", weights);
  expect_load_error({"adapters/sst/pals_adapter.safetensors", "not the weights that task sst was"});
  restore();
  // Tasks whose heads are of the same size.
  Json tasks = read("tasks.json");
  fs::rename(sst, path_ + "/adapters/x");
  fs::rename(path_ + "/adapters/squad", sst);
  fs::rename(path_ + "/adapters/x", path_ + "/adapters/squad");
  expect_load_error({"adapters/sst/pals_adapter.json", "the files of task \"squad\"",
                     "expected those of \"sst\""});
  restore();
  fs::copy(path_ + "/adapters/squad/pals_adapter.safetensors", sst + "/pals_adapter.safetensors",
           fs::copy_options::overwrite_existing);
  EXPECT_NE(load_error(), "");
  restore();
  for (const char* key : {"adapter", "trained_with", "weights", "checksum", "shared_weights"}) {
    Json record = read("adapters/sst/pals_adapter.json");
    record.erase(key);
    write("adapters/sst/pals_adapter.json", record.dump());
    expect_load_error({"adapters/sst/pals_adapter.json", "damaged"});
    restore();
  }
  EXPECT_EQ(load_error(), "");
}

// A later version has more keys than the one that wrote a record: what they are by default counts.
TEST_F(ModelFolder, KeysThatARecordDoesNotKnowHaveTheirDefaults) {
  save("pals");
  const std::string file = "adapters/squad/pals_adapter.json";
  const auto without = [&](const char* key) {
    Json record = read(file);
    record.erase("checksum");
    record["trained_with"]["task"].erase(key);
    record["checksum"] = content_hash_hex(json_text(record, -1));
    write(file, record.dump());
  };
  without("n_best_size");  // as it is by default
  EXPECT_EQ(load_error(), "");
  without("doc_stride");
  expect_load_error({"task squad, doc_stride was \"128\", now \"3\""});
}

TEST_F(ModelFolder, OneOfAnEarlierVersionSaysWhatCannotBeChecked) {
  save("pals");
  for (const Task& task : tiny_tasks()) {
    const std::string file = "adapters/" + task.name + "/pals_adapter.json";
    Json record = read(file);
    for (const char* key : {"trained_with", "weights", "checksum"}) record.erase(key);
    write(file, record.dump());
  }
  Json config = read("config.json");
  config["hidden_act"] = "relu";  // nobody can know
  write("config.json", config.dump());
  std::vector<std::string> lines;
  {
    const LogSink sink([&](const std::string& line) { lines.push_back(line); });
    EXPECT_EQ(load_error(), "");
  }
  ASSERT_EQ(lines.size(), 1U);
  for (const char* part : {"earlier version", "tasks", "configuration", "vocabulary", "adapters",
                           "cannot be checked"}) {
    EXPECT_NE(lines[0].find(part), std::string::npos) << lines[0];
  }
  EXPECT_LE(lines[0].size(), 300U);
  // The hash of shared weights it has.
  Json record = read("adapters/sst/pals_adapter.json");
  record["shared_weights"] = "00";
  write("adapters/sst/pals_adapter.json", record.dump());
  expect_load_error({"other shared weights"});
}

TEST_F(ModelFolder, ATaskOfAnotherModelIsRefused) {
  const auto model = save("lora");
  LoadedModel loaded = load_model_folder(path_, at::kFloat);
  remove_task(loaded, 2);
  const std::string other = root_ + "/other";
  const auto error_of = [&](const ModelDescription& description, const Tokenizer& tokenizer) {
    save_model_folder(other, *model, description, tokenizer);
    try {
      remove_task(loaded, add_task(loaded, other, "mine"));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  ModelDescription description = describe(tiny_adapter("lora"));
  EXPECT_EQ(error_of(description, tiny_tokenizer()), "");
  EXPECT_EQ(error_of(description, tiny_tokenizer(true)),
            other +
                ": task mine was trained with other settings than the model's: tokenizer "
                "settings, do_lower_case was \"true\", now \"false\"");
  description.max_seq_length = 9;
  EXPECT_NE(error_of(description, tiny_tokenizer()).find("max_seq_length was \"9\", now \"12\""),
            std::string::npos);
  description = describe(tiny_adapter("lora"));
  description.bert.hidden_act = Activation::kRelu;
  EXPECT_NE(error_of(description, tiny_tokenizer()).find("hidden_act was \"relu\", now \"gelu\""),
            std::string::npos);
}

}  // namespace
}  // namespace pals
