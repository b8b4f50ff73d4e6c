#include "runlog/predictions.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"

namespace pals {
namespace {

TaskPredictions examples() {
  return {.head = {.task = "nli", .kind = "classification", .labels = {"no", "yes"}, .step = 30},
          .rows = {{.split = "dev_matched",
                    .row = 0,
                    .gold = "yes",
                    .prediction = "no",
                    .probabilities = {0.75, 0.25}},
                   {.split = "dev_mismatched",
                    .row = 0,
                    .gold = "no",
                    .prediction = "no",
                    .probabilities = {1.0, 0.0}}}};
}

TaskPredictions written(const TaskPredictions& predictions, std::string* text = nullptr) {
  const std::string path = testing::TempDir() + "pals_predictions_" + std::to_string(::getpid());
  write_predictions(path, predictions);
  const std::string bytes = read_file(path, 1 << 20);
  std::filesystem::remove(path);
  if (text != nullptr) *text = bytes;
  std::vector<std::string> damaged;
  const TaskPredictions read = parse_predictions(bytes, "nli.jsonl", damaged);
  EXPECT_TRUE(damaged.empty());
  return read;
}

TEST(Predictions, AreReadAsTheyWereWritten) {
  std::string text;
  EXPECT_EQ(written(examples(), &text), examples());
  EXPECT_EQ(text,
            "{\"version\":1,\"task\":\"nli\",\"kind\":\"classification\",\"labels\":[\"no\","
            "\"yes\"],\"step\":30}\n"
            "{\"split\":\"dev_matched\",\"row\":0,\"gold\":\"yes\",\"prediction\":\"no\","
            "\"probabilities\":[0.75,0.25]}\n"
            "{\"split\":\"dev_mismatched\",\"row\":0,\"gold\":\"no\",\"prediction\":\"no\","
            "\"probabilities\":[1.0,0.0]}\n");
  const TaskPredictions spans{.head = {.task = "qa", .kind = "span", .labels = {}, .step = 1},
                              .rows = {{.split = "dev",
                                        .row = 3,
                                        .id = "a",
                                        .gold = {"Rome", "rome"},
                                        .prediction = "",
                                        .probability = 0.5}}};
  EXPECT_EQ(written(spans), spans);
  const TaskPredictions tags{
      .head = {.task = "ner", .kind = "tagging", .labels = {"O", "B-X"}, .step = 1},
      .rows = {{.split = "dev", .row = 0, .gold = {"O", "B-X"}, .prediction = {"O", "O"}}}};
  EXPECT_EQ(written(tags), tags);
}

TEST(Predictions, ADamagedLineIsNamed) {
  const std::string head = "{\"version\":1,\"task\":\"t\",\"kind\":\"regression\",\"step\":3}\n";
  const std::string row = "{\"split\":\"dev\",\"row\":0,\"gold\":1.5,\"prediction\":1.25}\n";
  for (const std::string bad :
       {"{", "", "[]", "{\"split\":\"dev\"}",
        "{\"split\":\"dev\",\"row\":-1,\"gold\":1,\"prediction\":1}",
        "{\"split\":\"dev\",\"row\":1,\"gold\":{},\"prediction\":1}",
        "{\"split\":\"dev\",\"row\":1,\"gold\":1,\"prediction\":{}}",
        "{\"split\":\"dev\",\"row\":1,\"gold\":1,\"prediction\":1,\"probabilities\":[\"x\"]}"}) {
    std::vector<std::string> damaged;
    const TaskPredictions read =
        parse_predictions(head + row + bad + "\n" + row, "t.jsonl", damaged);
    EXPECT_EQ(read.rows.size(), 2U) << bad;
    ASSERT_EQ(damaged.size(), 1U) << bad;
    EXPECT_TRUE(damaged[0].starts_with("line 3:")) << damaged[0];
  }
  std::vector<std::string> damaged;
  parse_predictions(head + row + row.substr(0, row.size() - 1), "t.jsonl", damaged);
  EXPECT_EQ(damaged, std::vector<std::string>{"line 3: it has no end"});
}

TEST(Predictions, ADamagedHeadIsAnError) {
  for (const char* text :
       {"", "{}\n", "[]\n", "{\"version\":2,\"task\":\"t\",\"kind\":\"k\",\"step\":1}\n",
        "{\"version\":1,\"task\":\"t\",\"kind\":\"k\",\"step\":1,\"labels\":[1]}\n",
        "{\"version\":1,\"task\":\"t\",\"kind\":\"k\",\"step\":1}"}) {
    std::vector<std::string> damaged;
    EXPECT_THROW(parse_predictions(text, "t.jsonl", damaged), Error) << text;
  }
}

}  // namespace
}  // namespace pals
