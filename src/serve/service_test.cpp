// The service around the endpoints: keys, limits, metrics, tasks that come and go.
#include "serve/service.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "serve/endpoints.h"
#include "serve/error.h"
#include "serve/test_serving.h"

namespace pals {
namespace {

using std::chrono::milliseconds;
using testing::body_of;
using testing::expected;
using testing::kServedLength;
using testing::served_model;
using testing::Serving;
using testing::status_of;
using testing::TestClient;
using testing::wait_until;

TEST(Serve, ShowsItself) {
  Serving serving;
  const Json tasks = Json::parse(body_of(serving.ask("GET", "/tasks")));
  ASSERT_EQ(tasks.size(), testing::asked_tasks().size());
  EXPECT_EQ(tasks[0]["labels"], (Json{"no", "yes"}));
  EXPECT_EQ(tasks[0]["texts"], "one");
  EXPECT_EQ(tasks[3]["texts"], "question and context");
  const Json info = Json::parse(body_of(serving.ask("GET", "/info")));
  EXPECT_EQ(info["model_id"], "test");
  EXPECT_EQ(info["max_input_length"], kServedLength);
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
  EXPECT_EQ(Json::parse(body_of(put)).size(), testing::asked_tasks().size() + 1);
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
