#include "serve/service.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cmath>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "serve/body.h"
#include "serve/endpoints.h"

namespace pals {
namespace {

using Clock = Job::Clock;

constexpr size_t kMostTaskBytes = size_t{1} << 30;

double seconds_of(Clock::duration span) { return std::chrono::duration<double>(span).count(); }

std::string milliseconds_text(Clock::duration span) {
  return format_double(seconds_of(span) * 1000.0, 3);
}

/// Compares without telling by its time how much of a guess was right.
bool equal_secrets(std::string_view given, std::string_view secret) {
  auto difference = static_cast<unsigned>(given.size() != secret.size());
  for (size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned char>(given[i]) ^
                  static_cast<unsigned char>(secret[i % secret.size()]);
  }
  return difference == 0;
}

bool bears(const HttpRequest& request, const std::string& secret) {
  static constexpr std::string_view kScheme = "bearer ";
  const std::string_view given = request.header("Authorization");
  return given.size() > kScheme.size() && ascii_lower(given.substr(0, kScheme.size())) == kScheme &&
         equal_secrets(given.substr(kScheme.size()), secret);
}

/// A request on its way.
struct Call {
  Call(HttpRequest asked, Responder way_back, const Endpoint& row,
       std::shared_ptr<const ServedModel> now)
      : request(std::move(asked)),
        responder(std::move(way_back)),
        endpoint(row),
        model(std::move(now)) {}

  HttpRequest request;
  Responder responder;
  const Endpoint& endpoint;
  std::shared_ptr<const ServedModel> model;  ///< that `work` refers to
  Work work = {};
  std::shared_ptr<Job> job = std::make_shared<Job>();
  Clock::time_point started = Clock::now();
  Clock::duration encoding = {};
};

}  // namespace

class Service::Impl {
 public:
  Impl(std::shared_ptr<const ServedModel> model, ServiceOptions options)
      : options_(std::move(options)),
        model_(std::move(model)),
        pool_(static_cast<size_t>(std::max(1, options_.threads))) {
    BatcherOptions batcher = options_.batcher;
    batcher.on_batch = [this, also = batcher.on_batch](const BatchReport& report) {
      metrics_.size("te_batch_next_size", static_cast<double>(report.examples));
      metrics_.size("te_batch_next_tokens", static_cast<double>(report.tokens));
      metrics_.time("te_batch_inference_duration", seconds_of(report.taken));
      if (also) also(report);
    };
    batcher_.emplace(std::move(batcher));
  }

  ~Impl() {
    batcher_.reset();  // what waits comes back through the pool
    pool_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void handle(HttpRequest request, Responder responder) {
    std::string methods;
    const Endpoint* endpoint = find_endpoint(request.method, request.path(), methods);
    if (endpoint == nullptr) return responder.send(unknown(request, methods));
    if (std::optional<HttpResponse> refused = refusal(*endpoint, request)) {
      return responder.send(std::move(*refused));
    }
    if (endpoint->show != nullptr) return responder.send(show(*endpoint));
    const auto call =
        std::make_shared<Call>(std::move(request), std::move(responder), *endpoint, model());
    metrics_.count("te_request_count", {{"method", endpoint->path + 1}});
    if (num_active_.fetch_add(1) >= options_.max_concurrent_requests) {
      return finish(*call, overloaded("too many requests at once (--max_concurrent_requests)"));
    }
    boost::asio::post(pool_, [this, call] { begin(call); });
  }

  void set_ready(bool ready) { ready_ = ready; }

  std::shared_ptr<const ServedModel> model() const {
    const std::lock_guard lock(mutex_);
    return model_;
  }
  void replace(std::shared_ptr<const ServedModel> model, std::shared_ptr<TaskAdmin> admin) {
    const std::lock_guard lock(admin_mutex_);
    admin_ = std::move(admin);
    set_model(std::move(model));
  }
  size_t body_limit(const HttpRequest& head, size_t usual) const {
    std::string methods;
    const Endpoint* endpoint = find_endpoint(head.method, head.path(), methods);
    const bool is_task = endpoint != nullptr && endpoint->access == Access::kAdmin &&
                         !options_.admin_token.empty() && bears(head, options_.admin_token);
    return is_task ? std::max(usual, kMostTaskBytes) : usual;
  }
  Batcher& batcher() { return *batcher_; }

 private:
  static HttpResponse unknown(const HttpRequest& request, const std::string& methods) {
    if (methods.empty()) {
      return error_response(404, "validation",
                            concat("there is no ", quote(request.path()), "; see /openapi.json"));
    }
    HttpResponse response =
        error_response(405, "validation", concat(request.path(), " takes ", methods));
    response.headers.push_back({"Allow", methods});
    return response;
  }

  /// What a request without the right to ask is answered.
  std::optional<HttpResponse> refusal(const Endpoint& endpoint, const HttpRequest& request) const {
    const bool is_admin = endpoint.access == Access::kAdmin;
    const std::string& secret = is_admin ? options_.admin_token : options_.api_key;
    if (is_admin && secret.empty()) {
      return error_response(403, "validation", "tasks do not change here: no --admin_token");
    }
    if (endpoint.access == Access::kOpen || secret.empty() || bears(request, secret)) return {};
    HttpResponse response = error_response(
        401, "validation",
        concat("the ", is_admin ? "admin token" : "API key", " is missing or another one"));
    response.headers.push_back({"WWW-Authenticate", "Bearer"});
    return response;
  }

  HttpResponse show(const Endpoint& endpoint) {
    metrics_.set("te_queue_size", static_cast<double>(batcher_->queued_jobs()));
    metrics_.set("pals_queue_tokens", static_cast<double>(batcher_->queued_tokens()));
    const std::shared_ptr<const ServedModel> now = model();
    return endpoint.show(
        {.model = *now,
         .metrics = metrics_,
         .limits = {{"max_concurrent_requests", options_.max_concurrent_requests},
                    {"max_batch_tokens", options_.batcher.max_batch_tokens},
                    {"max_client_batch_size", options_.limits.max_client_batch_size},
                    {"queue_tokens", options_.batcher.queue_tokens},
                    {"tokenization_workers", options_.threads}},
         .ready = ready_,
         .wants_key = !options_.api_key.empty()});
  }

  HttpResponse overloaded(const std::string& message) const {
    HttpResponse response = error_response(429, "overloaded", message);
    const double wait = std::clamp(batcher_->expected_wait().count(), 1.0, 600.0);
    response.headers.push_back(
        {"Retry-After", std::to_string(static_cast<int64_t>(std::ceil(wait)))});
    return response;
  }

  /// Has an action's errors answered.
  template <typename Action>
  void guard(const std::shared_ptr<Call>& call, const Action& action) {
    try {
      action();
    } catch (const ServeError& error) {
      finish(*call, error_response(error.status(), error.type(), error.what()));
    } catch (const Error& error) {
      finish(*call, error_response(422, "validation", error.what()));
    } catch (const std::exception& error) {
      finish(*call, error_response(500, "backend", error.what()));
    }
  }

  /// On a thread of the pool.
  void begin(const std::shared_ptr<Call>& call) {
    if (call->request.gone.stop_requested()) return finish(*call, {.status = 503});
    guard(call, [&] {
      if (call->endpoint.change != nullptr) return finish(*call, change(*call));
      const Json body = read_body(call->request.body);
      call->work = call->endpoint.work(*call->model, body, options_.limits);
      call->encoding = Clock::now() - call->started;
      Job& job = *call->job;
      job.runner = call->model->runner;
      job.sources = call->work.sources;
      job.wanted_vectors = call->work.vectors;
      job.gone = call->request.gone;
      if (job.sources.empty()) return answer(call);
      job.done = [this, call](Job&) {
        boost::asio::post(pool_, [this, call] { guard(call, [&] { answer(call); }); });
      };
      if (!batcher_->submit(call->job)) {
        job.done = nullptr;
        finish(*call, overloaded("the queue is full (--queue_tokens)"));
      }
    });
  }

  void set_model(std::shared_ptr<const ServedModel> model) {
    const std::lock_guard lock(mutex_);
    model_.swap(model);  // the old one goes when the lock is gone
  }

  HttpResponse change(const Call& call) {
    const std::lock_guard lock(admin_mutex_);
    if (admin_ == nullptr) throw ServeError(503, "unhealthy", "the server is about to end");
    const std::string name = name_in_path(call.endpoint, call.request.path());
    set_model(call.endpoint.change(*admin_, name, call.request.body));
    const std::shared_ptr<const ServedModel> now = model();
    return show_tasks({.model = *now, .metrics = metrics_, .limits = {}});
  }

  void answer(const std::shared_ptr<Call>& call) {
    const Job& job = *call->job;
    if (job.end == JobEnd::kGone) return finish(*call, {.status = 503});  // which nobody reads
    if (job.end == JobEnd::kFailed) throw ServeError(424, "backend", job.error);
    HttpResponse response{.body = call->work.answer(job)};
    const Clock::duration waited =
        job.sources.empty() ? Clock::duration() : job.first_run - job.queued;
    const int64_t tokens = job.num_tokens();
    for (const auto& [name, span] :
         {std::pair("X-Tokenization-Time", call->encoding), std::pair("X-Queue-Time", waited),
          std::pair("X-Inference-Time", job.running),
          std::pair("X-Total-Time", Clock::now() - call->started)}) {
      response.headers.push_back({name, milliseconds_text(span)});
    }
    response.headers.push_back({"X-Compute-Tokens", std::to_string(tokens)});
    const std::string method = call->endpoint.path + 1;
    for (const std::string& task : call->work.tasks) {
      metrics_.count("te_predict_count", {{"method", method}, {"task", task}},
                     static_cast<double>(call->work.texts));
    }
    metrics_.count("te_request_success", {{"method", method}});
    metrics_.time("te_request_tokenization_duration", seconds_of(call->encoding));
    metrics_.time("te_request_queue_duration", seconds_of(waited));
    metrics_.time("te_request_inference_duration", seconds_of(job.running));
    metrics_.size("te_request_input_length", static_cast<double>(tokens));
    finish(*call, std::move(response));
  }

  void finish(Call& call, HttpResponse response) {
    const std::string method = call.endpoint.path + 1;
    if (response.status != 200) {
      metrics_.count("te_request_failure",
                     {{"method", method}, {"status", std::to_string(response.status)}});
    }
    metrics_.time("te_request_duration", seconds_of(Clock::now() - call.started),
                  {{"method", method}});
    --num_active_;
    call.responder.send(std::move(response));
  }

  ServiceOptions options_;
  Metrics metrics_;
  std::atomic<bool> ready_ = true;
  std::atomic<size_t> num_active_ = 0;
  mutable std::mutex mutex_;
  std::shared_ptr<const ServedModel> model_;
  std::mutex admin_mutex_;
  std::shared_ptr<TaskAdmin> admin_;
  boost::asio::thread_pool pool_;
  std::optional<Batcher> batcher_;
};

Service::Service(std::shared_ptr<const ServedModel> model, ServiceOptions options)
    : impl_(std::make_unique<Impl>(std::move(model), std::move(options))) {}
Service::~Service() = default;
void Service::handle(HttpRequest request, Responder responder) {
  impl_->handle(std::move(request), std::move(responder));
}
void Service::set_ready(bool ready) { impl_->set_ready(ready); }
std::shared_ptr<const ServedModel> Service::model() const { return impl_->model(); }
void Service::replace(std::shared_ptr<const ServedModel> model, std::shared_ptr<TaskAdmin> admin) {
  impl_->replace(std::move(model), std::move(admin));
}
size_t Service::body_limit(const HttpRequest& head, size_t usual) const {
  return impl_->body_limit(head, usual);
}
Batcher& Service::batcher() { return impl_->batcher(); }

}  // namespace pals
