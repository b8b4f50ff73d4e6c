// Queue, batches and endpoints, with a stand-in for the network.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "base/error.h"
#include "features/test_tokens.h"
#include "http/server.h"
#include "http/test_client.h"
#include "kinds/kind.h"
#include "predict/predictor.h"
#include "predict/test_runner.h"
#include "serve/batcher.h"
#include "serve/endpoints.h"
#include "serve/error.h"
#include "serve/service.h"

namespace pals {
namespace {

using std::chrono::milliseconds;
using testing::body_of;
using testing::status_of;
using testing::TestClient;
using testing::wait_until;

constexpr int kLength = 14;

/// A network that can be held up, remembers its batches, and gives vectors too.
class TestRunner : public testing::StandInRunner {
 public:
  using StandInRunner::StandInRunner;

  RunOutputs run(const PackedBatch& batch, const Wanted& wanted) const override {
    {
      std::unique_lock lock(mutex_);
      batches_.push_back(batch);
      changed_.notify_all();
      changed_.wait(lock, [this] { return !held_ || permits_ > 0; });
      if (permits_ > 0) --permits_;
      if (failing_) fail("out of memory");
    }
    RunOutputs outputs = StandInRunner::run(batch, wanted);
    if (!wanted.vectors) return outputs;
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      const auto first = static_cast<size_t>(batch.cu_seqlens[static_cast<size_t>(row)]);
      outputs.vectors.push_back(static_cast<float>(batch.token_ids[first + 1]));
      outputs.vectors.push_back(wanted.vectors->normalize ? 1.0F : 0.5F);
    }
    return outputs;
  }
  bool shares_trunk(int task, int other) const override {
    return task < 5 && other < 5 && StandInRunner::shares_trunk(task, other);
  }
  int64_t hidden_size() const override { return 2; }

  void hold(bool held) const {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  /// Lets that many batches through while it is held up.
  void let_through(int batches) const {
    const std::lock_guard lock(mutex_);
    permits_ += batches;
    changed_.notify_all();
  }
  void set_failing(bool failing) const {
    const std::lock_guard lock(mutex_);
    failing_ = failing;
  }
  bool wait_for_batches(size_t count) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20),
                             [&] { return batches_.size() >= count; });
  }
  std::vector<PackedBatch> batches() const {
    const std::lock_guard lock(mutex_);
    return batches_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable std::vector<PackedBatch> batches_;
  mutable bool held_ = false, failing_ = false;
  mutable int permits_ = 0;
};

/// Rows of `lengths` tokens.
FeaturesPtr rows_of(const std::vector<int>& lengths) {
  auto features = std::make_shared<FeatureSet>();
  for (const int length : lengths) {
    for (int i = 0; i < length; ++i) features->token_ids.push_back(5 + (length * 3 + i) % 20);
    features->end_row(length);
    features->end_example({});
  }
  return features;
}

class Batches : public ::testing::Test {
 protected:
  std::shared_ptr<Job> job(const std::vector<int>& lengths, std::vector<int> tasks = {0}) {
    auto made = std::make_shared<Job>();
    made->runner = runner_;
    made->sources = {{rows_of(lengths), std::move(tasks)}};
    made->done = [this](Job& job) {
      const std::lock_guard lock(mutex_);
      ended_.push_back(&job);
    };
    return made;
  }
  bool ended(const std::shared_ptr<Job>& job) {
    const std::lock_guard lock(mutex_);
    return std::ranges::find(ended_, job.get()) != ended_.end();
  }
  bool wait_for(const std::shared_ptr<Job>& job) {
    return wait_until([&] { return ended(job); });
  }
  /// Lets jobs gather behind one that holds the network up.
  std::shared_ptr<Job> hold(Batcher& batcher) {
    runner_->hold(true);
    auto first = job({1});
    EXPECT_TRUE(batcher.submit(first));
    EXPECT_TRUE(runner_->wait_for_batches(1));
    return first;
  }

  std::shared_ptr<const TestRunner> runner_ = std::make_shared<TestRunner>(testing::asked_tasks());
  std::mutex mutex_;
  std::vector<const Job*> ended_;
};

TEST_F(Batches, WhatWaitsIsABatchSortedByTrunkAndLength) {
  Batcher batcher({.max_batch_tokens = 100});
  hold(batcher);
  const std::vector<std::shared_ptr<Job>> jobs = {job({3, 7}, {1}), job({5}, {2}), job({9}, {0})};
  for (const auto& one : jobs) EXPECT_TRUE(batcher.submit(one));
  EXPECT_EQ(batcher.queued_tokens(), 24);
  runner_->hold(false);
  for (const auto& one : jobs) EXPECT_TRUE(wait_for(one));
  const std::vector<PackedBatch> batches = runner_->batches();
  ASSERT_EQ(batches.size(), 2U);
  // Tasks 0 and 2 share their trunk: one segment.
  ASSERT_EQ(batches[1].segments.size(), 2U);
  EXPECT_EQ(batches[1].cu_seqlens, (std::vector<int32_t>{0, 7, 10, 19, 24}));
  EXPECT_EQ(batcher.queued_tokens(), 0);
}

TEST_F(Batches, JobsGetTheirOwnLogits) {
  Batcher batcher({.max_batch_tokens = 16});
  hold(batcher);
  std::vector<std::shared_ptr<Job>> jobs;
  const std::vector<std::vector<int>> asked = {{0}, {1}, {2, 0}, {3}, {4}, {0, 2}, {1}};
  for (size_t i = 0; i < asked.size(); ++i) {
    std::vector<int> lengths;
    for (size_t row = 0; row <= i; ++row) lengths.push_back(2 + static_cast<int>(i * 5 + row) % 9);
    jobs.push_back(job(lengths, asked[i]));
    EXPECT_TRUE(batcher.submit(jobs.back()));
  }
  runner_->hold(false);
  for (const auto& one : jobs) {
    ASSERT_TRUE(wait_for(one));
    EXPECT_EQ(one->end, JobEnd::kDone);
    EXPECT_EQ(one->logits, run_rows(*runner_, one->sources, {.batch_size = 100}));
  }
}

TEST_F(Batches, KeepToTheirTokens) {
  Batcher batcher({.max_batch_tokens = 10});
  hold(batcher);
  const auto many = job({4, 4, 4, 4, 25, 4});
  EXPECT_TRUE(batcher.submit(many));
  runner_->hold(false);
  ASSERT_TRUE(wait_for(many));
  std::vector<int64_t> tokens;
  for (const PackedBatch& batch : runner_->batches()) tokens.push_back(batch.num_tokens());
  EXPECT_EQ(tokens, (std::vector<int64_t>{1, 8, 8, 25, 4}));
}

TEST_F(Batches, AShortJobWaitsForTwoBatchesAtMost) {
  Batcher batcher({.max_batch_tokens = 20});
  hold(batcher);
  const auto huge = job(std::vector<int>(100, 5));
  EXPECT_TRUE(batcher.submit(huge));
  runner_->let_through(2);
  EXPECT_TRUE(runner_->wait_for_batches(3));  // the third is being computed
  const auto brief = job({5});
  std::atomic<size_t> batches_until = 0;
  brief->done = [&](Job&) { batches_until = runner_->batches().size(); };
  EXPECT_TRUE(batcher.submit(brief));
  runner_->hold(false);
  EXPECT_TRUE(wait_for(huge));
  EXPECT_EQ(batches_until, 4U);
}

TEST_F(Batches, LongJobsTakeTurns) {
  Batcher batcher({.max_batch_tokens = 20});
  hold(batcher);
  const auto one = job(std::vector<int>(40, 5)), two = job(std::vector<int>(40, 5), {1});
  EXPECT_TRUE(batcher.submit(one));
  EXPECT_TRUE(batcher.submit(two));
  runner_->hold(false);
  ASSERT_TRUE(wait_for(one));
  ASSERT_TRUE(wait_for(two));
  const std::vector<PackedBatch> batches = runner_->batches();
  for (size_t i = 1; i < batches.size(); ++i) EXPECT_EQ(batches[i].segments.size(), 2U) << i;
}

TEST_F(Batches, AFullQueueRefuses) {
  Batcher batcher({.max_batch_tokens = 10, .queue_tokens = 30});
  hold(batcher);
  EXPECT_TRUE(batcher.submit(job({100})));  // alone in the queue
  EXPECT_FALSE(batcher.submit(job({1})));
  EXPECT_GT(batcher.expected_wait().count(), 0.0);
  runner_->hold(false);
  EXPECT_TRUE(wait_until([&] { return batcher.queued_tokens() == 0; }));
  EXPECT_TRUE(batcher.submit(job({1})));
}

TEST_F(Batches, WhoeverLeftIsNotComputed) {
  Batcher batcher({.max_batch_tokens = 100});
  hold(batcher);
  std::stop_source client;
  const auto left = job({7}), stays = job({5});
  left->gone = client.get_token();
  EXPECT_TRUE(batcher.submit(left));
  EXPECT_TRUE(batcher.submit(stays));
  client.request_stop();
  runner_->hold(false);
  ASSERT_TRUE(wait_for(stays));
  ASSERT_TRUE(wait_for(left));
  EXPECT_EQ(left->end, JobEnd::kGone);
  EXPECT_EQ(runner_->batches().at(1).num_tokens(), 5);
  EXPECT_EQ(batcher.queued_tokens(), 0);
}

TEST_F(Batches, AFailureEndsTheJobsOfItsBatch) {
  Batcher batcher({.max_batch_tokens = 10});
  hold(batcher);
  const auto failing = job({6, 6, 6});
  EXPECT_TRUE(batcher.submit(failing));
  runner_->set_failing(true);
  runner_->hold(false);
  ASSERT_TRUE(wait_for(failing));
  EXPECT_EQ(failing->end, JobEnd::kFailed);
  EXPECT_EQ(failing->error, "out of memory");
  EXPECT_EQ(batcher.queued_tokens(), 0);
  runner_->set_failing(false);
  const auto after = job({6});
  EXPECT_TRUE(batcher.submit(after));
  ASSERT_TRUE(wait_for(after));
  EXPECT_EQ(after->end, JobEnd::kDone);
}

TEST_F(Batches, VectorsAndHeadsAreBatchesOfTheirOwn) {
  Batcher batcher({.max_batch_tokens = 100});
  hold(batcher);
  const auto heads = job({4}), vectors = job({3, 5}), unit = job({6});
  vectors->wanted_vectors = VectorOptions{};
  unit->wanted_vectors = VectorOptions{.normalize = true};
  for (const auto& one : {heads, vectors, unit}) EXPECT_TRUE(batcher.submit(one));
  runner_->hold(false);
  for (const auto& one : {heads, vectors, unit}) ASSERT_TRUE(wait_for(one));
  EXPECT_EQ(runner_->batches().size(), 4U);
  const FeatureSet& rows = *vectors->sources.front().features;
  EXPECT_EQ(vectors->vectors.front(),
            (std::vector<float>{static_cast<float>(rows.token_ids[1]), 0.5F,
                                static_cast<float>(rows.token_ids[4]), 0.5F}));
  EXPECT_EQ(unit->vectors.front().back(), 1.0F);
}

TEST_F(Batches, ActionsRunBetweenBatches) {
  Batcher batcher({.max_batch_tokens = 10});
  hold(batcher);
  const auto waiting = job({5});
  EXPECT_TRUE(batcher.submit(waiting));
  std::atomic<size_t> batches_before = 0;
  batcher.between_batches([&] { batches_before = runner_->batches().size(); });
  runner_->hold(false);
  ASSERT_TRUE(wait_for(waiting));
  EXPECT_EQ(batches_before, 1U);
}

TEST_F(Batches, TheEndFailsWhatWaits) {
  auto waiting = job({5});
  {
    Batcher batcher({.max_batch_tokens = 10});
    hold(batcher);
    EXPECT_TRUE(batcher.submit(waiting));
    std::jthread release([this] {
      std::this_thread::sleep_for(milliseconds(50));
      runner_->hold(false);
    });
  }
  EXPECT_TRUE(ended(waiting));
}

// -- Endpoints ------------------------------------------------------------------------------------

std::shared_ptr<ServedModel> served_model(std::vector<Task> tasks = testing::asked_tasks()) {
  auto model = std::make_shared<ServedModel>();
  tasks[0].files = {{.split = "train"}};  // single texts
  model->tasks = tasks;
  tasks.push_back({.name = "", .kind = TaskKind::kRegression});
  model->encoder = static_cast<int>(tasks.size()) - 1;
  model->runner = std::make_shared<TestRunner>(tasks);
  model->tokenizer = std::make_shared<Tokenizer>(letter_tokenizer());
  model->max_seq_length = kLength;
  model->name = "test";
  return model;
}

/// A service behind a server.
class Serving {
 public:
  explicit Serving(ServiceOptions options = {},
                   std::shared_ptr<const ServedModel> model = served_model())
      : service_(std::move(model), std::move(options)),
        server_(
            {.body_limit =
                 [this](const HttpRequest& head) { return service_.body_limit(head, 2'000'000); }},
            [this](HttpRequest request, Responder responder) {
              service_.handle(std::move(request), std::move(responder));
            }) {}

  Service& service() { return service_; }
  uint16_t port() const { return server_.port(); }
  const TestRunner& runner() { return dynamic_cast<const TestRunner&>(*service_.model()->runner); }

  std::string ask(const std::string& method, const std::string& target,
                  const std::string& body = "", const std::string& headers = "") {
    return TestClient(port()).ask(method, target, body, headers);
  }
  /// The answer to a body, which must be good.
  Json post(const std::string& target, const Json& body) {
    const std::string response = ask("POST", target, body.dump());
    EXPECT_EQ(status_of(response), 200) << response;
    return Json::parse(body_of(response), nullptr, false);
  }
  /// "422 the message".
  std::string refusal(const std::string& target, const std::string& body) {
    const std::string response = ask("POST", target, body);
    const Json json = Json::parse(body_of(response), nullptr, false);
    EXPECT_TRUE(json.is_object() && json.contains("error_type")) << response;
    return concat(status_of(response), " ", json.value("error", ""));
  }

 private:
  Service service_;
  HttpServer server_;
};

/// What the parts of a prediction say of a text.
Json expected(const ServedModel& model, int task, const Example& text, bool raw = false) {
  const PredictingModel predicting{*model.runner, model.tasks, model.rules()};
  const Predictor predictor(predicting, {task}, {});
  const Task& asked = model.tasks[static_cast<size_t>(task)];
  const auto predictions = predictor.predict(predictor.encode({text}));
  return Json::parse(kind_of(asked).to_scores(asked, predictions.front(), raw).dump());
}

TEST(Predicting, AnswersAsTheProgramDoes) {
  Serving serving;
  const auto model = serving.service().model();
  EXPECT_EQ(serving.post("/predict", {{"inputs", "a b"}, {"task", "two"}}),
            expected(*model, 0, {.text_a = "a b"}));
  EXPECT_EQ(serving.post("/predict", {{"inputs", {"a b", "c"}}, {"task", "value"}}),
            expected(*model, 1, {.text_a = "a b", .text_b = "c"}));
  EXPECT_EQ(
      serving.post("/predict",
                   {{"inputs", {{"a"}, {"b", "c d"}}}, {"task", "three"}, {"raw_scores", true}}),
      (Json{expected(*model, 2, {.text_a = "a"}, true),
            expected(*model, 2, {.text_a = "b", .text_b = "c d"}, true)}));
  EXPECT_EQ(
      serving.post("/predict", {{"inputs", {"a", "b c d e f g h i j k l m n"}}, {"task", "span"}}),
      expected(*model, 3, {.text_a = "a", .text_b = "b c d e f g h i j k l m n"}));
  EXPECT_EQ(serving.post("/predict",
                         {{"inputs", "a"}, {"choices", {"b", "c d", "e"}}, {"task", "choice"}}),
            expected(*model, 4, {.text_a = "a", .choices = {"b", "c d", "e"}}));
  const Json list =
      serving.post("/predict", {{"inputs", Json::array({Json::array({"a"})})}, {"task", "two"}});
  EXPECT_EQ(list, Json::array({expected(*model, 0, {.text_a = "a"})}));
}

TEST(Predicting, LabelsComeWithTheHighestScoreFirst) {
  Serving serving;
  const Json scores = serving.post("/predict", {{"inputs", "a b c"}, {"task", "three"}});
  ASSERT_EQ(scores.size(), 3U);
  EXPECT_GE(scores[0]["score"], scores[1]["score"]);
  EXPECT_GE(scores[1]["score"], scores[2]["score"]);
  const Json value = serving.post("/predict", {{"inputs", "a b c"}, {"task", "value"}});
  ASSERT_EQ(value.size(), 1U);
  EXPECT_EQ(value[0]["label"], "value");
}

TEST(Predicting, SeveralTasksAndAll) {
  Serving serving;
  const auto model = serving.service().model();
  const Json some = serving.post("/predict", {{"inputs", "a"}, {"tasks", {"value", "two"}}});
  EXPECT_EQ(some, (Json{{"value", expected(*model, 1, {.text_a = "a"})},
                        {"two", expected(*model, 0, {.text_a = "a"})}}));
  // Of all tasks those that the texts do not fit are null: of a pair the choice, and the task of
  // single texts.
  const Json all = serving.post("/predict", {{"inputs", {"a", "b c"}}, {"tasks", "all"}});
  EXPECT_EQ(all.size(), 7U);
  EXPECT_TRUE(all["choice"].is_null());
  EXPECT_TRUE(all["two"].is_null());
  EXPECT_TRUE(all["tags"].is_null());
  EXPECT_EQ(all["span"], expected(*model, 3, {.text_a = "a", .text_b = "b c"}));
  const Json single = serving.post("/predict", {{"inputs", "a"}, {"tasks", "all"}});
  EXPECT_TRUE(single["span"].is_null());
  EXPECT_FALSE(single["two"].is_null());
}

TEST(Predicting, TasksThatShareRowsRunOnce) {
  Serving serving;
  serving.post("/predict", {{"inputs", "a"}, {"tasks", {"two", "three"}}});
  EXPECT_EQ(serving.runner().batches().at(0).num_rows(), 1);
}

TEST(Predicting, OneTaskNeedsNoName) {
  Serving serving({}, served_model({testing::asked_tasks()[0]}));
  EXPECT_EQ(serving.post("/predict", {{"inputs", "a"}}).size(), 2U);
}

TEST(Predicting, SaysWhatIsWrong) {
  Serving serving;
  const auto refused = [&](const std::string& body, const std::string& words) {
    EXPECT_NE(serving.refusal("/predict", body).find(words), std::string::npos)
        << body << serving.refusal("/predict", body);
  };
  refused("", "400 ");
  refused("{", "400 ");
  refused("{\"inputs\": \"\xff\"}", "400 ");
  refused("[]", "422 the body must be a JSON object");
  refused("{}", "422 `inputs` is missing");
  refused(R"({"inputs": "a"})", "422 `task` is missing; tasks: two, value, three, span, choice");
  refused(R"({"inputs": "a", "task": "no"})", "422 there is no task \"no\"; tasks: two");
  refused(R"({"inputs": "a", "task": ""})", "422 there is no task");
  refused(R"({"inputs": "a", "task": 1})", "422 `task` must be text");
  refused(R"({"inputs": "a", "tasks": []})", "422 `tasks` must be");
  refused(R"({"inputs": "a", "tasks": ["two", "two"]})", "422 `tasks` names \"two\" twice");
  refused(R"({"inputs": "a", "task": "two", "tasks": "all"})", "422 `task` and `tasks`");
  refused(R"({"inputs": 1, "task": "two"})", "422 `inputs` must be");
  refused(R"({"inputs": ["a", "b", "c"], "task": "two"})", "422 `inputs` must be");
  refused(R"({"inputs": [["a"], "b"], "task": "two"})", "422 `inputs` must be");
  refused(R"({"inputs": [], "task": "two"})", "400 `inputs` is an empty list");
  refused(R"({"inputs": "a", "task": "span"})", "422 task \"span\" needs a question");
  refused(R"({"inputs": "a", "task": "choice"})", "422 task \"choice\" chooses among");
  refused(R"({"inputs": "a", "task": "choice", "choices": []})", "400 `choices`");
  refused(R"({"inputs": [["a"]], "task": "choice", "choices": ["b"]})", "422 `choices` must be");
  refused(R"({"inputs": "a", "task": "two", "raw_scores": 1})", "422 `raw_scores` must be");
  refused(R"({"inputs": "a a a a a a a a a a a a a a a", "task": "two", "truncate": false})",
          "413 a text has more than the 14 tokens");
  refused(R"({"inputs": "a", "task": "two", "truncation_direction": "up"})", "422 `trunc");
  Json many = {{"task", "two"}};
  for (int i = 0; i < 33; ++i) many["inputs"].push_back(Json::array({"a"}));
  refused(many.dump(), "413 `inputs` has 33 entries");
  refused("{\"inputs\": " + std::string(100, '[') + std::string(100, ']') + "}", "400 ");
  EXPECT_EQ(serving.post("/predict", {{"inputs", "a"}, {"task", "two"}}).size(), 2U);
}

TEST(Predicting, LongTextsLoseTheEndThatIsAsked) {
  Serving serving;
  const Json body = {{"inputs", "a b c d e f g h i j k l m n"}, {"task", "two"}};
  Json left = body;
  left["truncation_direction"] = "Left";
  const auto model = serving.service().model();
  EXPECT_EQ(serving.post("/predict", body),
            expected(*model, 0, {.text_a = "a b c d e f g h i j k l"}));
  EXPECT_EQ(serving.post("/predict", left),
            expected(*model, 0, {.text_a = "c d e f g h i j k l m n"}));
  // A long context is several rows, of which none is cut.
  EXPECT_EQ(serving.post("/predict", {{"inputs", {"a", "b c d e f g h i j k l m n o p"}},
                                      {"task", "span"},
                                      {"truncate", false}}),
            expected(*model, 3, {.text_a = "a", .text_b = "b c d e f g h i j k l m n o p"}));
}

TEST(Predicting, RanksTexts) {
  Serving serving;
  const Json ranks = serving.post(
      "/rerank",
      {{"query", "a"}, {"texts", {"b", "c d", "e"}}, {"raw_scores", true}, {"return_text", true}});
  ASSERT_EQ(ranks.size(), 3U);
  EXPECT_GE(ranks[0]["score"], ranks[1]["score"]);
  EXPECT_GE(ranks[1]["score"], ranks[2]["score"]);
  const std::vector<std::string> texts = {"b", "c d", "e"};
  for (const Json& rank : ranks) {
    const std::string text = texts[rank["index"].get<size_t>()];
    EXPECT_EQ(rank["text"], text);
    EXPECT_EQ(rank["score"],
              expected(*serving.service().model(), 1, {.text_a = "a", .text_b = text})[0]["score"]);
  }
  const Json scaled = serving.post("/rerank", {{"query", "a"}, {"texts", {"b", "c d"}}});
  EXPECT_GT(scaled[1]["score"], 0.0);
  EXPECT_LE(scaled[0]["score"], 1.0);
  EXPECT_NE(serving.refusal("/rerank", R"({"query": "a", "texts": ["b"], "task": "two"})")
                .find("422 task \"two\" gives no value"),
            std::string::npos);
}

TEST(Vectors, OfTextsInEachForm) {
  Serving serving;
  const int32_t first = letter_tokenizer().vocabulary().find("d").value();
  const Json expected = {{first, 1.0}, {first + 1, 1.0}};
  EXPECT_EQ(serving.post("/embed", {{"inputs", {"d c", "e"}}}), expected);
  EXPECT_EQ(serving.post("/embed", {{"inputs", "d"}, {"normalize", false}, {"task", "two"}}),
            (Json{{first, 0.5}}));
  const Json openai =
      serving.post("/v1/embeddings", {{"input", {"d", "e"}}, {"model", "any\"thing"}});
  EXPECT_EQ(openai["data"][1]["embedding"], expected[1]);
  EXPECT_EQ(openai["data"][1]["index"], 1);
  EXPECT_EQ(openai["model"], "any\"thing");
  EXPECT_EQ(openai["usage"]["total_tokens"], 6);
  const Json base64 = serving.post("/v1/embeddings",
                                   {{"input", "d"}, {"model", "m"}, {"encoding_format", "base64"}});
  EXPECT_EQ(base64["data"][0]["embedding"], "AAAAQQAAgD8=");  // 8 and 1
  const Json similarity =
      serving.post("/similarity", {{"inputs", {{"source_sentence", "d"}, {"sentences", {"e"}}}}});
  EXPECT_EQ(similarity, Json::array({first * (first + 1) + 1.0}));
}

TEST(Vectors, SayWhatIsWrong) {
  auto model = served_model();
  model->has_pooler = false;
  Serving serving({}, model);
  const auto refused = [&](const std::string& target, const std::string& body,
                           const std::string& words) {
    EXPECT_NE(serving.refusal(target, body).find(words), std::string::npos) << body;
  };
  refused("/embed", R"({"inputs": "a", "pooling": "no"})", "422 ");
  refused("/embed", R"({"inputs": "a", "pooling": "pooled"})", "422 ");
  refused("/embed", R"({"inputs": [1]})", "422 `inputs` must be text");
  refused("/v1/embeddings", R"({"input": "a", "encoding_format": "hex"})", "422 ");
  refused("/v1/embeddings", R"({"input": "a", "dimensions": 3})", "422 `dimensions` must be 2");
  refused("/similarity", R"({"inputs": "a"})", "422 `inputs` must be an object");
}

TEST(Tokens, ThereAndBack) {
  Serving serving;
  const Json tokens = serving.post("/tokenize", {{"inputs", "a d"}});
  ASSERT_EQ(tokens.size(), 1U);
  ASSERT_EQ(tokens[0].size(), 4U);
  EXPECT_EQ(tokens[0][0]["special"], true);
  EXPECT_EQ(tokens[0][1]["text"], "a");
  Json ids;
  for (const Json& token : tokens[0]) ids.push_back(token["id"]);
  EXPECT_EQ(serving.post("/decode", {{"ids", ids}}), Json::array({"a d"}));
  EXPECT_EQ(serving.post("/decode", {{"ids", {ids, ids}}, {"skip_special_tokens", false}}),
            (Json{"[CLS] a d [SEP]", "[CLS] a d [SEP]"}));
  EXPECT_NE(serving.refusal("/decode", R"({"ids": [99]})").find("422 `ids` must be numbers from 0"),
            std::string::npos);
}

// -- The service ----------------------------------------------------------------------------------

TEST(Serve, ShowsItself) {
  Serving serving;
  const Json tasks = Json::parse(body_of(serving.ask("GET", "/tasks")));
  ASSERT_EQ(tasks.size(), 7U);
  EXPECT_EQ(tasks[0]["labels"], (Json{"no", "yes"}));
  EXPECT_EQ(tasks[0]["texts"], "one");
  EXPECT_EQ(tasks[3]["texts"], "question and context");
  const Json info = Json::parse(body_of(serving.ask("GET", "/info")));
  EXPECT_EQ(info["model_id"], "test");
  EXPECT_EQ(info["max_input_length"], kLength);
  EXPECT_EQ(status_of(serving.ask("GET", "/health")), 200);
  serving.service().set_ready(false);
  EXPECT_EQ(status_of(serving.ask("GET", "/health")), 503);
  const Json description = Json::parse(body_of(serving.ask("GET", "/openapi.json")));
  for (const Endpoint& endpoint : endpoints()) {
    EXPECT_TRUE(description["paths"].contains(endpoint.path)) << endpoint.path;
    for (const char* schema : {endpoint.request, endpoint.response}) {
      if (schema == nullptr) continue;
      EXPECT_TRUE(description["components"]["schemas"].contains(schema)) << schema;
    }
  }
  EXPECT_NE(serving.ask("GET", "/").find("text/html"), std::string::npos);
  EXPECT_TRUE(description["security"].empty());
  Serving locked({.api_key = "secret"});
  EXPECT_EQ(Json::parse(body_of(locked.ask("GET", "/openapi.json")))["security"].size(), 1U);
}

TEST(Serve, UnknownPathsAndMethods) {
  Serving serving;
  EXPECT_EQ(status_of(serving.ask("GET", "/no")), 404);
  const std::string other = serving.ask("GET", "/predict");
  EXPECT_EQ(status_of(other), 405);
  EXPECT_NE(other.find("Allow: POST"), std::string::npos);
}

TEST(Serve, CountsForPrometheus) {
  Serving serving;
  serving.post("/predict", {{"inputs", {{"a"}, {"b"}}}, {"tasks", {"two", "value"}}});
  serving.refusal("/predict", "{}");
  const std::string text = body_of(serving.ask("GET", "/metrics"));
  for (const char* line :
       {"te_request_count{method=\"predict\"} 2\n", "te_request_success{method=\"predict\"} 1\n",
        "te_request_failure{method=\"predict\",status=\"422\"} 1\n",
        "te_predict_count{method=\"predict\",task=\"two\"} 2\n", "te_queue_size 0\n",
        "te_batch_next_size_sum 4\n", "te_request_duration_count{method=\"predict\"} 2\n",
        "# TYPE te_request_queue_duration histogram\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(Serve, AsksForTheKey) {
  Serving serving({.api_key = "secret"});
  const std::string body = R"({"inputs": "a", "task": "two"})";
  for (const char* bad : {"", "Authorization: Bearer secre\r\n",
                          "Authorization: Bearer secrets\r\n", "Authorization: Basic secret\r\n",
                          "Authorization: Bearer \r\n", "Authorization: Bearer secretsecret\r\n"}) {
    const std::string response = serving.ask("POST", "/predict", body, bad);
    EXPECT_EQ(status_of(response), 401) << bad;
    EXPECT_NE(response.find("WWW-Authenticate: Bearer"), std::string::npos);
  }
  EXPECT_EQ(status_of(serving.ask("POST", "/predict", body, "Authorization: Bearer secret\r\n")),
            200);
  EXPECT_EQ(status_of(serving.ask("GET", "/metrics")), 401);
  EXPECT_EQ(status_of(serving.ask("GET", "/health")), 200);
}

TEST(Serve, RefusesWhatIsTooMuch) {
  Serving serving({.max_concurrent_requests = 3});
  serving.runner().hold(true);
  const std::string body = R"({"inputs": "a", "task": "two"})";
  const std::string request = concat(
      "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
  TestClient running(serving.port()), waiting(serving.port()), third(serving.port());
  running.send(request);
  EXPECT_TRUE(serving.runner().wait_for_batches(1));
  waiting.send(request);
  EXPECT_TRUE(wait_until([&] { return serving.service().batcher().queued_tokens() == 3; }));
  third.send(request);
  EXPECT_TRUE(wait_until([&] { return serving.service().batcher().queued_tokens() == 6; }));
  const std::string fourth = serving.ask("POST", "/predict", body);
  EXPECT_EQ(status_of(fourth), 429);
  EXPECT_NE(fourth.find("Retry-After: "), std::string::npos);
  EXPECT_NE(fourth.find("overloaded"), std::string::npos);
  serving.runner().hold(false);
  EXPECT_EQ(status_of(running.receive()), 200);
  EXPECT_EQ(status_of(waiting.receive()), 200);
  EXPECT_EQ(status_of(third.receive()), 200);
  EXPECT_EQ(status_of(serving.ask("POST", "/predict", body)), 200);
}

TEST(Serve, AFullQueueIsRefused) {
  Serving serving({.batcher = {.queue_tokens = 4}});
  serving.runner().hold(true);
  const std::string body = R"({"inputs": "a", "task": "two"})";
  const std::string request = concat(
      "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
  TestClient running(serving.port()), waiting(serving.port());
  running.send(request);
  EXPECT_TRUE(serving.runner().wait_for_batches(1));
  waiting.send(request);
  EXPECT_TRUE(wait_until([&] { return serving.service().batcher().queued_tokens() == 3; }));
  EXPECT_NE(serving.refusal("/predict", body).find("429 the queue is full"), std::string::npos);
  serving.runner().hold(false);
  EXPECT_EQ(status_of(waiting.receive()), 200);
}

TEST(Serve, AFailedComputationIsSaid) {
  Serving serving;
  serving.runner().set_failing(true);
  EXPECT_NE(
      serving.refusal("/predict", R"({"inputs": "a", "task": "two"})").find("424 out of memory"),
      std::string::npos);
}

TEST(Serve, RequestsOfClientsThatLeftAreNotComputed) {
  Serving serving;
  serving.runner().hold(true);
  const std::string body = R"({"inputs": "a b c", "task": "two"})";
  const std::string request = concat(
      "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
  TestClient running(serving.port()), leaving(serving.port());
  running.send(request);
  EXPECT_TRUE(serving.runner().wait_for_batches(1));
  leaving.send(request);
  EXPECT_TRUE(wait_until([&] { return serving.service().batcher().queued_jobs() == 1; }));
  leaving.close();
  EXPECT_TRUE(wait_until([&] {
    return body_of(serving.ask("GET", "/metrics")).find("te_queue_size 1") != std::string::npos;
  }));
  std::this_thread::sleep_for(milliseconds(50));
  serving.runner().hold(false);
  EXPECT_EQ(status_of(running.receive()), 200);
  EXPECT_TRUE(wait_until([&] { return serving.service().batcher().queued_jobs() == 0; }));
  EXPECT_EQ(serving.runner().batches().size(), 1U);
}

TEST(Serve, ManyClientsGetTheirOwnAnswers) {
  Serving serving({.limits = {}, .threads = 3, .batcher = {.max_batch_tokens = 40}});
  const auto model = serving.service().model();
  std::atomic<int> right = 0;
  constexpr int kClients = 8, kRequests = 25;
  {
    std::vector<std::jthread> clients;
    for (int c = 0; c < kClients; ++c) {
      clients.emplace_back([&, c] {
        TestClient client(serving.port());
        for (int i = 0; i < kRequests; ++i) {
          const std::string text = letters(1 + (c * 7 + i) % 9, static_cast<char>('a' + i));
          const int task = (c + i) % 3;
          const Json body = {{"inputs", text},
                             {"task", model->tasks[static_cast<size_t>(task)].name}};
          const Json answer =
              Json::parse(body_of(client.ask("POST", "/predict", body.dump())), nullptr, false);
          right += answer == expected(*model, task, {.text_a = text}) ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(right, kClients * kRequests);
}

/// Puts a task of one value, and removes tasks.
class TestAdmin : public TaskAdmin {
 public:
  explicit TestAdmin(std::shared_ptr<const ServedModel> model) : model_(std::move(model)) {}

  std::shared_ptr<const ServedModel> put(const std::string& task,
                                         std::string_view archive) override {
    if (archive.size() != 3'000'000) fail("no tar archive");
    std::vector<Task> tasks = testing::asked_tasks();
    tasks.push_back({.name = task, .kind = TaskKind::kRegression});
    return model_ = served_model(tasks);
  }
  std::shared_ptr<const ServedModel> remove(const std::string& task) override {
    if (task != "more") throw ServeError(404, "validation", "there is no such task");
    return model_ = served_model();
  }

 private:
  std::shared_ptr<const ServedModel> model_;
};

TEST(Serve, TasksComeAndGo) {
  Serving serving({.api_key = "key", .admin_token = "token"});
  serving.service().replace(serving.service().model(),
                            std::make_shared<TestAdmin>(serving.service().model()));
  const std::string token = "Authorization: Bearer token\r\n";
  const std::string archive(3'000'000, 'x');  // more than other bodies may have
  EXPECT_EQ(status_of(serving.ask("PUT", "/tasks/more", archive)), 413);
  EXPECT_EQ(status_of(serving.ask("PUT", "/tasks/more", "x", "Authorization: Bearer key\r\n")),
            401);
  const std::string put = serving.ask("PUT", "/tasks/more", archive, token);
  EXPECT_EQ(status_of(put), 200) << put;
  EXPECT_EQ(Json::parse(body_of(put)).size(), 8U);
  const std::string body = R"({"inputs": "a", "task": "more"})";
  const std::string key = "Authorization: Bearer key\r\n";
  EXPECT_EQ(status_of(serving.ask("POST", "/predict", body, key)), 200);
  EXPECT_EQ(status_of(serving.ask("PUT", "/tasks/more", "x", token)), 422);
  EXPECT_EQ(status_of(serving.ask("DELETE", "/tasks/other", "", token)), 404);
  EXPECT_EQ(status_of(serving.ask("DELETE", "/tasks/more", "", token)), 200);
  EXPECT_EQ(status_of(serving.ask("POST", "/predict", body, key)), 422);
  EXPECT_EQ(status_of(serving.ask("PUT", "/tasks/a/b", "x", token)), 404);
  EXPECT_EQ(status_of(serving.ask("GET", "/tasks/more", "", token)), 405);
  serving.service().replace(serving.service().model(), nullptr);
  EXPECT_EQ(status_of(serving.ask("DELETE", "/tasks/more", "", token)), 503);
  Serving fixed;
  EXPECT_EQ(status_of(fixed.ask("DELETE", "/tasks/two")), 403);
}

TEST(Serve, AnotherModelTakesOver) {
  Serving serving;
  const std::weak_ptr<const ServedModel> old = serving.service().model();
  EXPECT_EQ(serving.post("/predict", {{"inputs", "a"}, {"task", "two"}}).size(), 2U);
  serving.service().replace(served_model({testing::asked_tasks()[2]}), nullptr);
  EXPECT_EQ(serving.post("/predict", {{"inputs", "a"}}).size(), 3U);
  EXPECT_TRUE(wait_until([&] { return old.expired(); }));
}

}  // namespace
}  // namespace pals
