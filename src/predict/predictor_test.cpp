// The four parts of a prediction, with a stand-in for the network.
#include "predict/predictor.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>
#include <thread>

#include "base/error.h"
#include "features/test_tokens.h"
#include "predict/find_tasks.h"
#include "predict/render.h"
#include "predict/run.h"
#include "predict/test_runner.h"

namespace pals {
namespace {

constexpr int kLength = 14;

TEST(FindTask, ChoosesTasks) {
  const std::vector<Task> tasks = testing::asked_tasks();
  EXPECT_EQ(find_tasks(tasks, "three,two", "--task"), (std::vector<int>{2, 0}));
  std::vector<int> all(tasks.size());
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(find_tasks(tasks, "all", "--task"), all);
  EXPECT_THROW(find_text_tasks(tasks, "all", "--task"), UsageError);
  EXPECT_EQ(find_text_tasks(tasks, "value", "--task"), std::vector<int>{1});
  EXPECT_EQ(find_tasks({tasks[1]}, "", "--task"), std::vector<int>{0});
  EXPECT_THROW(find_tasks(tasks, "", "--task"), UsageError);
  EXPECT_THROW(find_tasks(tasks, "two,two", "--task"), UsageError);
  EXPECT_THROW(find_tasks(tasks, "two,", "--task"), UsageError);
  EXPECT_THROW(find_tasks(tasks, "tow", "--task"), UsageError);
}

TEST(Render, LinesOfOneTaskAndOfSeveral) {
  const std::vector<Task> tasks = testing::asked_tasks();
  const std::vector<Prediction> both = {
      kind_of(tasks[1]).decode_example(tasks[1], std::vector<float>{0.5F}),
      kind_of(tasks[0]).decode_example(tasks[0], std::vector<float>{0.0F, 90.0F})};
  const AnswerLines tsv({&tasks[1], &tasks[0]}, {.ids = true});
  EXPECT_EQ(tsv.header(), "id\tvalue.value\ttwo.label\ttwo.probability\n");
  EXPECT_EQ(tsv.line("a\tb", both.data()), "a b\t2.5000\tyes\t1.0000\n");
  const AnswerLines json({&tasks[1]}, {.format = AnswerFormat::kJsonl});
  EXPECT_EQ(json.header(), "");
  EXPECT_EQ(json.line("", both.data()), "{\"value\":2.5}\n");
  const Task id{.name = "id", .kind = TaskKind::kRegression};
  EXPECT_THROW(AnswerLines({&id, &tasks[0]}, {.format = AnswerFormat::kJsonl, .ids = true}),
               UsageError);
}

TEST(Render, Csv) {
  Task task = testing::asked_tasks()[0];
  task.labels = {"no", "yes, \"really\""};
  const Prediction yes = kind_of(task).decode_example(task, std::vector<float>{0.0F, 90.0F});
  const AnswerLines lines({&task}, {.format = AnswerFormat::kCsv, .ids = true});
  EXPECT_EQ(lines.header(), "id,label,probability\n");
  EXPECT_EQ(lines.line("a\nb\tc", &yes), "\"a\nb\tc\",\"yes, \"\"really\"\"\",1.0000\n");
  const AnswerLines plain({&task}, {.format = AnswerFormat::kCsv});
  EXPECT_EQ(plain.header(), "label,probability\n");
}

TEST(Render, ErrorsInPlaceOfAnswers) {
  const std::vector<Task> tasks = testing::asked_tasks();
  const Prediction value = kind_of(tasks[1]).decode_example(tasks[1], std::vector<float>{0.5F});
  const BadRow bad{.place = 0, .line = 7, .error = "in.csv:7: \"x\"\tis, bad"};
  const auto lines = [&](AnswerFormat format, bool ids) {
    return AnswerLines({&tasks[1]}, {.format = format, .ids = ids, .errors = true});
  };
  EXPECT_EQ(lines(AnswerFormat::kJsonl, true).error_line(bad),
            "{\"error\":\"in.csv:7: \\\"x\\\"\\\\tis, bad\",\"line\":7}\n");
  EXPECT_EQ(lines(AnswerFormat::kTsv, true).line("n", &value), "n\t2.5000\t\n");
  EXPECT_EQ(lines(AnswerFormat::kTsv, true).error_line(bad), "\t\tin.csv:7: \"x\"\\tis, bad\n");
  EXPECT_EQ(lines(AnswerFormat::kCsv, false).header(), "value,error\n");
  EXPECT_EQ(lines(AnswerFormat::kCsv, false).error_line(bad),
            ",\"in.csv:7: \"\"x\"\"\\tis, bad\"\n");
  const Task error{.name = "error", .kind = TaskKind::kRegression};
  EXPECT_THROW(AnswerLines({&error, &tasks[0]}, {.format = AnswerFormat::kJsonl, .errors = true}),
               UsageError);
}

TEST(Render, LikeliestLabelsAreColumns) {
  const std::vector<Task> tasks = testing::asked_tasks();
  const std::vector<Prediction> both = {
      kind_of(tasks[0]).decode_example(tasks[0], std::vector<float>{0.0F, 90.0F}),
      kind_of(tasks[2]).decode_example(tasks[2], std::vector<float>{90.0F, 0.0F, -9.0F})};
  const AnswerLines lines({&tasks[0], &tasks[2]}, {.labels = {.top_k = 2}});
  EXPECT_EQ(lines.header(),
            "two.label\ttwo.probability\ttwo.label_2\ttwo.probability_2\t"
            "three.label\tthree.probability\tthree.label_2\tthree.probability_2\n");
  EXPECT_EQ(lines.line("", both.data()), "yes\t1.0000\tno\t0.0000\ta\t1.0000\tb c\t0.0000\n");
  EXPECT_THROW(AnswerLines({&tasks[1]}, {.labels = {.top_k = 2}}), UsageError);
}

TEST(Encode, TasksThatAgreeShareTheirRows) {
  const std::vector<Task> tasks = testing::asked_tasks();
  const Tokenizer tokenizer = letter_tokenizer();
  TextEncoder encoder({tokenizer, kLength},
                      {kind_of(tasks[0]).row_form(tasks[0]), kind_of(tasks[3]).row_form(tasks[3]),
                       kind_of(tasks[1]).row_form(tasks[1])});
  encoder.add({.id = "7", .texts = {.text_a = "a b", .text_b = "c"}});
  encoder.add({.id = "8", .texts = {.text_a = "d", .text_b = "c"}});
  EXPECT_EQ(encoder.num_texts(), 2);
  const EncodedRows rows = encoder.finish();
  EXPECT_EQ(rows.num_texts, 2);
  EXPECT_EQ(rows.features[0], rows.features[2]);
  EXPECT_NE(rows.features[0], rows.features[1]);
  EXPECT_EQ(rows.ids, (std::vector<std::string>{"7", "8"}));
  EXPECT_EQ(rows.features[1]->texts.questions.contexts, std::vector<std::string>{"c"});
}

TEST(Encode, ChoicesMustBeThere) {
  const Tokenizer tokenizer = letter_tokenizer();
  TextEncoder encoder({tokenizer, kLength}, {{TaskKind::kMultipleChoice, {}}});
  EXPECT_THROW(encoder.add({.id = "", .texts = {.text_a = "a"}}), UsageError);
}

std::vector<Example> letter_texts(int count) {
  testing::LetterInput input(count);
  std::vector<Example> texts;
  InputRow row;
  while (input.next(row)) texts.push_back(row.texts);
  return texts;
}

/// The lines that are answered to some texts.
std::string answer(const PredictingModel& model, const std::vector<int>& tasks,
                   const std::vector<Example>& texts, int64_t batch_size) {
  const Predictor predictor(model, tasks, {.batch_size = batch_size});
  const std::vector<Prediction> predictions = predictor.predict(predictor.encode(texts));
  EXPECT_EQ(predictions.size(), texts.size() * tasks.size());
  const AnswerLines answers(predictor.tasks(), {.format = AnswerFormat::kJsonl});
  std::string lines;
  for (size_t i = 0; i < texts.size(); ++i) {
    lines += answers.line("", &predictions[i * tasks.size()]);
  }
  return lines;
}

class Parts : public ::testing::Test {
 protected:
  std::vector<Task> tasks_ = testing::asked_tasks();
  Tokenizer tokenizer_ = letter_tokenizer();
  testing::StandInRunner runner_{tasks_};
  PredictingModel model_{runner_, tasks_, {tokenizer_, kLength}};
};

TEST_F(Parts, ValueOfOneTextByHand) {
  // [CLS] [SEP] for task 1, output 0: each token times 8 modulo 11, a quarter of it, times 5.
  const int64_t cls = letter_tokenizer().vocabulary().cls_id();
  const int64_t sep = letter_tokenizer().vocabulary().sep_id();
  const double sum = static_cast<double>((cls * 8) % 11 + (sep * 8) % 11) * 0.25;
  const Predictor predictor(model_, {1}, {});
  const std::vector<Prediction> predictions = predictor.predict(predictor.encode({Example{}}));
  ASSERT_EQ(predictions.size(), 1U);
  EXPECT_NEAR(predictions[0].value, 5.0 * sum, 1e-6);
}

TEST_F(Parts, MixedTasksAnswerAsEachAlone) {
  const std::vector<Example> texts = letter_texts(29);
  const Predictor mixed(model_, {4, 2, 3, 0, 1, 5}, {.batch_size = 8});
  const std::vector<Prediction> together = mixed.predict(mixed.encode(texts));
  std::set<std::string> different;
  for (size_t place = 0; place < 6; ++place) {
    const Task& task = *mixed.tasks()[place];
    const Predictor one(model_, {static_cast<int>(&task - tasks_.data())}, {.batch_size = 100});
    const std::vector<Prediction> alone = one.predict(one.encode(texts));
    for (size_t text = 0; text < texts.size(); ++text) {
      const std::string expected = json_text(kind_of(task).to_json(task, alone[text]), -1);
      EXPECT_EQ(json_text(kind_of(task).to_json(task, together[text * 6 + place]), -1), expected);
      different.insert(expected);
    }
  }
  EXPECT_GT(different.size(), 60U);  // the stand-in tells texts apart
}

TEST_F(Parts, TagsAreOfTheWordsOfOneText) {
  std::vector<Example> texts(2);
  texts[0].text_a = "a \xC3\xBC b c d e f g h i j k l m";  // more than a row
  const Predictor predictor(model_, {6, 0}, {});
  const std::vector<Prediction> said = predictor.predict(predictor.encode(texts));
  ASSERT_EQ(said.size(), 4U);
  ASSERT_EQ(said[0].words.size(), 14U);
  EXPECT_EQ(said[0].words[1].text, "\xC3\xBC");
  EXPECT_EQ(said[0].words[2].start, 4) << "counted in characters";
  EXPECT_EQ(said[0].words[2].end, 5);
  EXPECT_TRUE(said[2].words.empty());
  EXPECT_EQ(json_text(kind_of(tasks_[6]).to_json(tasks_[6], said[2]), -1),
            R"({"words":[],"spans":[]})");
  texts[1].text_b = "b";
  EXPECT_THROW(predictor.encode(texts), UsageError);
}

/// Counts the batches and the rows that reach the network.
class CountingRunner : public testing::StandInRunner {
 public:
  using StandInRunner::StandInRunner;
  RunOutputs run(const PackedBatch& batch, const Wanted& wanted) const override {
    rows += batch.num_rows();
    if (after_run) after_run();
    return StandInRunner::run(batch, wanted);
  }
  mutable int64_t rows = 0;
  std::function<void()> after_run;
};

TEST_F(Parts, TasksThatShareTheirTrunkRunOnce) {
  const CountingRunner runner(tasks_);
  const PredictingModel model{runner, tasks_, {tokenizer_, kLength}};
  const std::vector<Example> texts = letter_texts(10);
  answer(model, {0, 2}, texts, 4);
  EXPECT_EQ(runner.rows, 10);
  answer(model, {0, 2, 1}, texts, 4);
  EXPECT_EQ(runner.rows, 10 + 20);  // task 1 has a trunk of its own
}

TEST_F(Parts, StopsBetweenBatches) {
  CountingRunner runner(tasks_);
  std::stop_source source;
  runner.after_run = [&] { source.request_stop(); };
  const PredictingModel model{runner, tasks_, {tokenizer_, kLength}};
  const Predictor predictor(model, {0}, {.batch_size = 4, .stop = source.get_token()});
  const EncodedRows rows = predictor.encode(letter_texts(10));
  EXPECT_THROW(predictor.predict(rows), Error);
  EXPECT_EQ(runner.rows, 4);
}

TEST_F(Parts, AnyThreadEncodesDecodesAndRenders) {
  constexpr size_t kThreads = 8;
  std::vector<std::string> expected, answers(kThreads);
  for (size_t i = 0; i < kThreads; ++i) {
    expected.push_back(answer(model_, {3, 0, 1, 2, 4}, letter_texts(5 + static_cast<int>(i)), 4));
  }
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        answers[i] = answer(model_, {3, 0, 1, 2, 4}, letter_texts(5 + static_cast<int>(i)), 4);
      });
    }
  }
  EXPECT_EQ(answers, expected);
}

/// Requests of several threads in shared batches, as a server makes them: encoded and decoded by
/// their own threads, run together.
TEST_F(Parts, RowsOfSeveralRequestsShareABatch) {
  const std::vector<std::vector<int>> asked = {{0}, {1}, {0, 2}};
  std::vector<EncodedRows> requests(asked.size());
  std::vector<Predictor> predictors;
  for (const std::vector<int>& tasks : asked)
    predictors.emplace_back(model_, tasks, PredictorOptions{});
  const std::vector<Example> texts = letter_texts(6);
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < asked.size(); ++i) {
      threads.emplace_back([&, i] { requests[i] = predictors[i].encode(texts); });
    }
  }
  std::vector<AskedRows> sources;
  for (size_t i = 0; i < asked.size(); ++i) {
    sources.push_back({requests[i].features.front(), asked[i]});
  }
  const auto logits = run_rows(runner_, sources, {.batch_size = 100});
  std::vector<int> right(asked.size());
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < asked.size(); ++i) {
      threads.emplace_back([&, i] {
        for (size_t t = 0; t < asked[i].size(); ++t) {
          const Task& task = *predictors[i].tasks()[t];
          const Kind& kind = kind_of(task);
          const auto together =
              kind.decode(task, *requests[i].features[t], logits[i][t], model_.rules, 1);
          const Predictor alone(model_, {asked[i][t]}, {});
          const auto expected = alone.predict(alone.encode(texts));
          bool same = together.size() == expected.size();
          for (size_t e = 0; same && e < expected.size(); ++e) {
            same = kind.fields(task, together[e]) == kind.fields(task, expected[e]);
          }
          right[i] += same ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(right, (std::vector<int>{1, 1, 2}));
}

}  // namespace
}  // namespace pals
