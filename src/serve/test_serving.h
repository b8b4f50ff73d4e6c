// What tests of the server share: a stand-in for the network, and a service behind a server.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/text_util.h"
#include "features/test_tokens.h"
#include "http/server.h"
#include "http/test_client.h"
#include "kinds/kind.h"
#include "predict/predictor.h"
#include "predict/test_runner.h"
#include "serve/service.h"

namespace pals::testing {

/// Tokens of a row.
inline constexpr int kServedLength = 14;

/// A network that can be held up, remembers its batches, and gives vectors too.
class TestRunner : public StandInRunner {
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

/// Tasks of each kind, the first of single texts.
inline std::shared_ptr<ServedModel> served_model(std::vector<Task> tasks = asked_tasks()) {
  auto model = std::make_shared<ServedModel>();
  tasks[0].files = {{.split = "train"}};  // single texts
  model->tasks = tasks;
  tasks.push_back({.name = "", .kind = TaskKind::kRegression});
  model->encoder = static_cast<int>(tasks.size()) - 1;
  model->runner = std::make_shared<TestRunner>(tasks);
  model->tokenizer = std::make_shared<Tokenizer>(letter_tokenizer());
  model->max_seq_length = kServedLength;
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
inline Json expected(const ServedModel& model, int task, const Example& text, bool raw = false) {
  const PredictingModel predicting{*model.runner, model.tasks, model.rules()};
  const Predictor predictor(predicting, {task}, {});
  const Task& asked = model.tasks[static_cast<size_t>(task)];
  const auto predictions = predictor.predict(predictor.encode({text}));
  return Json::parse(kind_of(asked).to_scores(asked, predictions.front(), raw).dump());
}

}  // namespace pals::testing
