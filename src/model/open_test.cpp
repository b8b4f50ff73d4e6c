#include "model/open.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "bert/config.h"
#include "model/test_models.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

// An encoder as transformers writes it, in a folder of its own for each test. The weights are never
// looked at.
class Open : public ::testing::Test {
 protected:
  Open()
      : folder_(::testing::TempDir() + "pals_open_" + std::to_string(::getpid()) + "_" +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write("config.json", config());
    write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n");
    write("tokenizer_config.json", R"({"do_lower_case": false})");
    write("model.safetensors", "");
  }
  ~Open() override { fs::remove_all(folder_); }

  std::string path(const std::string& file) const { return folder_ + "/" + file; }
  void write(const std::string& file, const std::string& text) const {
    write_file_atomically(path(file), text);
  }
  static std::string config(int64_t positions = 16, const Json& more = Json::object()) {
    BertConfig bert = testing::tiny_bert();
    bert.max_position_embeddings = positions;
    Json json = bert_config_to_json(bert);
    json.update(more);
    return json.dump();
  }

  template <typename Exception = Error>
  static void expect_error(const ModelSource& source, const std::vector<std::string>& parts) {
    try {
      open_tokenizer(open_model(source));
      ADD_FAILURE() << "no error that names " << parts.front();
    } catch (const Exception& error) {
      for (const std::string& part : parts) {
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
      }
    }
  }

  std::string folder_;
};

TEST_F(Open, TheWeightsOfATrainedFolderAreAPartOfIt) {
  EXPECT_NO_THROW(open_model({.path = path("model.safetensors")}));
  write("tasks.json", "{}");
  expect_error<UsageError>(
      {.path = path("model.safetensors"), .flag = "--init_checkpoint"},
      {"--init_checkpoint: ", "is a part of a trained model; give its folder " + folder_});
}

TEST_F(Open, AFolderBringsAllParts) {
  const OpenedModel opened = open_model({.path = folder_});
  EXPECT_FALSE(opened.trained);
  EXPECT_EQ(opened.files.folder, folder_);
  EXPECT_EQ(opened.files.weights, path("model.safetensors"));
  EXPECT_EQ(opened.description.bert.vocab_size, testing::tiny_bert().vocab_size);
  EXPECT_TRUE(opened.description.tasks.empty());
  const Tokenizer tokenizer = open_tokenizer(opened);
  EXPECT_EQ(tokenizer.vocabulary().size(), 5);
  EXPECT_FALSE(tokenizer.do_lower_case());
}

TEST_F(Open, AFileTakesWhatLiesBesideIt) {
  const OpenedModel opened = open_model({.path = path("model.safetensors")});
  EXPECT_EQ(opened.files.folder, "");
  EXPECT_EQ(opened.files.config, path("config.json"));
  EXPECT_FALSE(open_tokenizer(opened).do_lower_case());
}

TEST_F(Open, FlagsComeFirst) {
  write("other.json", config(9));
  write("other.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n");
  ModelSource source{.path = folder_,
                     .bert_config_file = path("other.json"),
                     .vocab_file = path("other.txt"),
                     .do_lower_case = true};
  const OpenedModel opened = open_model(source);
  EXPECT_EQ(opened.description.bert.max_position_embeddings, 9);
  EXPECT_EQ(open_tokenizer(opened).vocabulary().size(), 4);
  EXPECT_TRUE(open_tokenizer(opened).do_lower_case());
  source.folder_config_first = true;
  EXPECT_EQ(open_model(source).description.bert.max_position_embeddings, 16);
  source.path = path("model.safetensors");  // beside a file there is no folder's own
  EXPECT_EQ(open_model(source).description.bert.max_position_embeddings, 9);
}

TEST_F(Open, WhatIsMissingIsNamed) {
  const std::string flag = "--init_checkpoint";
  expect_error({.path = path("nowhere"), .flag = flag}, {flag, "nowhere"});
  expect_error<UsageError>({.flag = flag},
                           {flag + " is missing", "setup.sh", "--bert_config_file"});
  expect_error<UsageError>({.vocab_file = path("vocab.txt"), .flag = flag},
                           {"--bert_config_file is missing", flag});
  expect_error<UsageError>({.bert_config_file = path("config.json"), .flag = flag},
                           {"--vocab_file is missing", flag});
  fs::remove(path("vocab.txt"));
  expect_error<UsageError>({.path = folder_}, {"--vocab_file is missing", folder_});
  fs::remove(path("model.safetensors"));
  expect_error({.path = folder_}, {folder_, "model.safetensors"});
  EXPECT_EQ(open_model({.path = folder_, .needs_weights = false}).files.weights, "");
  fs::remove(path("config.json"));
  expect_error({.path = folder_}, {folder_, "config.json"});
  write("model.safetensors", "");
  expect_error<UsageError>({.path = path("model.safetensors")},
                           {"--bert_config_file is missing", "model.safetensors"});
}

TEST_F(Open, AVocabularyLargerThanTheModelIsRefused) {
  std::string text = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
  for (int i = 0; i < 40; ++i) text += concat("w", i, "\n");
  write("vocab.txt", text);
  expect_error({.path = folder_},
               {path("vocab.txt"), "44 tokens", "config.json", "vocab_size of 40"});
}

TEST_F(Open, LengthsAreHeldAgainstThePositions) {
  const BertConfig bert = testing::tiny_bert();
  const int64_t positions = bert.max_position_embeddings;
  EXPECT_NO_THROW(check_length(positions, bert, "--max_seq_length", "here"));
  try {
    check_length(positions + 1, bert, "--max_seq_length", "here");
    ADD_FAILURE() << "too long";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "--max_seq_length 17 is more than the 16 positions of here");
  }
}

TEST_F(Open, ConfigurationsAskForAdapters) {
  const auto kind = [](const Json& config) { return read_adapter_config(config, "test").kind; };
  EXPECT_EQ(kind(Json::parse(config())), "none");
  EXPECT_EQ(kind(Json::parse(config(16, {{"mult", true}, {"pals", true}}))), "pals");
  // As folders had it before each task had a kind of its own.
  AdapterConfig saved;
  saved.kind = "houlsby";
  const Json own = adapter_to_flat_json(saved);
  EXPECT_EQ(kind({{"pals", own}}), "houlsby");
  // Its tasks' folders say what their adapters are.
  EXPECT_EQ(kind({{"pals", {{"max_seq_length", 12}}}}), "none");
}

TEST_F(Open, SaysThatARunHasNoModelYet) {
  fs::remove(path("config.json"));
  const ModelSource source{.path = folder_};
  expect_error(source, {"no config.json or bert_config.json in this folder"});
  write("run_config.json", "{}");
  expect_error(source, {"the run has no model yet: " + path("best") + " is written at its first"});
  fs::create_directories(path("final"));
  write("final/config.json", config());
  expect_error(source, {"it looks like a run's folder: give " + path("final")});
}

TEST_F(Open, HintsAtAHubWhereANameIsGiven) {
  expect_error({.path = "some-model-v1.5"}, {"given as hf://OWNER/some-model-v1.5"});
  expect_error({.path = "some/model"}, {"given as hf://some/model"});
  for (const std::string missing : {"some.bin", "./some", "/some", "a/b/c", "some/"}) {
    try {
      open_model({.path = missing});
      ADD_FAILURE() << missing;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find("hf://"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace pals
