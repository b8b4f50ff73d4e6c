// What tests of model folders share: tasks, a tokenizer, and a folder that vanishes.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "catalog/task_json.h"
#include "model/open.h"
#include "model/test_models.h"

namespace pals::testing {

/// A task of each kind, with the heads of tiny_model.
inline std::vector<Task> tiny_tasks() {
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

/// Of six words.
inline Tokenizer tiny_tokenizer(bool lower_case = false) {
  return Tokenizer(Vocabulary::from_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n##s\n", "test"),
                   lower_case);
}

/// A folder of its own for each test, removed at the end.
class ModelFolder : public ::testing::Test {
 protected:
  ModelFolder()
      : root_(::testing::TempDir() + "pals_model_" + std::to_string(::getpid()) + "_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name()),
        path_(root_ + "/best") {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }
  ~ModelFolder() override { std::filesystem::remove_all(root_); }

  static ModelDescription describe(const AdapterConfig& adapter) {
    return {tiny_bert(), std::vector<AdapterConfig>(tiny_tasks().size(), adapter), tiny_tasks(),
            12};
  }

  std::unique_ptr<MultiTaskModel> save(const std::string& kind, uint64_t seed = 11) const {
    const AdapterConfig adapter = tiny_adapter(kind, {}, kind == "pals");
    auto model = tiny_model(tiny_bert(), adapter);
    randomise(*model, seed);
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

}  // namespace pals::testing
