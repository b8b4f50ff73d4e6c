#include "model/model_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log_sink.h"
#include "catalog/task_json.h"
#include "checkpoint/safetensors.h"
#include "model/open.h"
#include "model/test_models.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

using testing::pack;
using testing::tiny_adapter;
using testing::tiny_bert;
using testing::tiny_rows;

std::vector<Task> tiny_tasks() {
  return {{.name = "sst", .labels = {"bad", "good"}, .metrics = {Metric::kAccuracy}},
          {.name = "sts",
           .kind = TaskKind::kRegression,
           .metrics = {Metric::kPearson},
           .label_scale = 5.0},
          {.name = "mine", .labels = {"a", "b", "c"}, .metrics = {Metric::kAccuracy}},
          {.name = "squad",
           .kind = TaskKind::kSpan,
           .metrics = {Metric::kF1},
           .settings = SpanOptions{.doc_stride = 3, .unanswerable = true, .null_threshold = -1.5}},
          {.name = "swag", .kind = TaskKind::kMultipleChoice, .metrics = {Metric::kAccuracy}},
          task_from_json(parse_json(R"({"name": "topics", "kind": "multi_label",
              "labels": ["x", "y", "z"], "threshold": {"x": 0.25, "y": 0.5, "z": 0.1},
              "class_weights": [1, 2.5, 1], "label_smoothing": 0.1, "loss_weight": 0.5})",
                                    "t"),
                         "t"),
          task_from_json(parse_json(R"({"name": "ner", "kind": "tagging", "scheme": "iob1",
              "labels": ["O", "B-X", "I-X", "B-Y", "I-Y"], "entities": "strict",
              "doc_stride": 5})",
                                    "t"),
                         "t")};
}

Tokenizer tiny_tokenizer(bool lower_case = false) {
  return Tokenizer(Vocabulary::from_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n##s\n", "test"),
                   lower_case);
}

// A folder of its own for each test, removed at the end.
class ModelFolder : public ::testing::Test {
 protected:
  ModelFolder()
      : root_(::testing::TempDir() + "pals_model_" + std::to_string(::getpid()) + "_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name()),
        path_(root_ + "/best") {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~ModelFolder() override { fs::remove_all(root_); }

  static ModelDescription describe(const AdapterConfig& adapter) {
    return {tiny_bert(), std::vector<AdapterConfig>(tiny_tasks().size(), adapter), tiny_tasks(),
            12};
  }

  std::unique_ptr<MultiTaskModel> save(const std::string& kind, uint64_t seed = 11) const {
    const AdapterConfig adapter = tiny_adapter(kind, {}, kind == "pals");
    auto model = testing::tiny_model(tiny_bert(), adapter);
    testing::randomise(*model, seed);
    save_model_folder(path_, *model, describe(adapter), tiny_tokenizer());
    return model;
  }

  Json read(const std::string& file) const { return read_json(path_ + "/" + file); }
  void write(const std::string& file, const std::string& text) const {
    write_file_atomically(path_ + "/" + file, text);
  }

  std::string load_error() const {
    try {
      load_model_folder(path_, at::kFloat);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  void expect_load_error(const std::vector<std::string>& parts) const {
    const std::string message = load_error();
    for (const std::string& part : parts) {
      EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
    }
  }

  std::string root_, path_;
};

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
