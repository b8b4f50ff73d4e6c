#include "catalog/single_task.h"

#include <gtest/gtest.h>

#include "catalog/reader.h"
#include "tasks/test_files.h"

namespace pals {
namespace {

TEST(SingleTask, HasTheUsualLayouts) {
  const TemporaryFolder folder;
  const std::string csv = folder.write(
      "swag.csv",
      ",video-id,sent1,sent2,ending0,ending1,ending2,ending3,label\n"
      "0,v,\"A man, outside\",He,runs.,sits.,,,1\n1,v,A dog barks.,It,sleeps.,eats.,sees.,is.,3\n");
  const Task swag = make_single_task(TaskKind::kMultipleChoice, "", csv, "", {});
  EXPECT_EQ(swag.name, "swag");
  const ExampleSet set = read_examples(swag, swag.files[0], "");
  ASSERT_EQ(set.examples.size(), 2U);
  EXPECT_EQ(set.examples[0].text_a, "A man, outside");
  EXPECT_EQ(set.examples[0].text_b, "He");
  EXPECT_EQ(set.examples[0].choices, (std::vector<std::string>{"runs.", "sits."}));
  EXPECT_EQ(set.examples[0].targets, std::vector<float>{1});
  EXPECT_EQ(set.examples[1].choices.size(), 4U);

  const std::string lines = folder.write(
      "own.jsonl", "{\"context\": \"c\", \"choices\": [\"x\", \"y\", \"z\"], \"label\": 2}\n");
  const Task own = make_single_task(TaskKind::kMultipleChoice, "own", "", lines, {});
  EXPECT_EQ(read_examples(own, own.files[0], "").examples[0].choices.size(), 3U);
  EXPECT_EQ(own.files[0].split, "dev");

  const Task squad =
      make_single_task(TaskKind::kSpan, "", "train.json", "", SpanOptions{.doc_stride = 7});
  EXPECT_EQ(squad.name, "squad");
  EXPECT_EQ(squad.settings.get<SpanOptions>().doc_stride, 7);
  EXPECT_EQ(squad.metrics, (std::vector<Metric>{Metric::kExactMatch, Metric::kF1}));
  expect_contains(
      message_of<UsageError>([] { make_single_task(TaskKind::kRegression, "", "a", "", {}); }),
      "--kind regression: expected span or multiple_choice");
  expect_contains(message_of<UsageError>([] { make_single_task(TaskKind::kSpan, "", "", "", {}); }),
                  "needs --train_file");
}

TEST(MultipleChoice, RefusesWhatIsNoQuestion) {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& line) {
    const std::string path = folder.write("x.jsonl", line + "\n");
    const Task task = make_single_task(TaskKind::kMultipleChoice, "x", path, "", {});
    return message_of([&] { read_examples(task, task.files[0], ""); });
  };
  expect_contains(error(R"({"context": "c", "choices": ["x"], "label": 0})"), "1 choice, want 2");
  expect_contains(error(R"({"context": "c", "choices": ["x", " "], "label": 0})"),
                  "choice 2 is empty");
  expect_contains(error(R"({"context": "c", "choices": ["x", "y"], "label": 2})"),
                  "want the number of the right choice, 0 to 1");
  expect_contains(error(R"({"context": "c", "choices": "x", "label": 0})"), "want a list");
  expect_contains(error(R"({"context": "c", "choices": ["x", 3], "label": 0})"), "want strings");
}

}  // namespace
}  // namespace pals
