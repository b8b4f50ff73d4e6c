// Answers HTTP requests with a model: parses, encodes, has the batcher compute, decodes.
#pragma once

#include <memory>
#include <string>

#include "http/responder.h"
#include "serve/batcher.h"
#include "serve/metrics.h"
#include "serve/served_model.h"
#include "serve/task_admin.h"
#include "serve/work.h"

namespace pals {

struct ServiceOptions {
  RequestLimits limits = {};
  size_t max_concurrent_requests = 512;  ///< one more is told 429
  int threads = 1;                       ///< that parse, encode and decode
  std::string api_key = {};              ///< empty: everybody may ask
  std::string admin_token = {};          ///< empty: nobody may change tasks
  BatcherOptions batcher = {};
};

class Service {
 public:
  Service(std::shared_ptr<const ServedModel> model, ServiceOptions options);
  /// Requests that are still there are answered first, those that wait for the network with 503.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// The server's handler.
  void handle(HttpRequest request, Responder responder);

  /// Whether /health says that requests are welcome; true at first.
  void set_ready(bool ready);

  std::shared_ptr<const ServedModel> model() const;
  /// Requests that come from now on are answered by this model, whose tasks `admin` changes (null:
  /// nobody).
  void replace(std::shared_ptr<const ServedModel> model, std::shared_ptr<TaskAdmin> admin);

  /// Bytes that a request's body may have: `usual`, but more for a task that an admin brings.
  size_t body_limit(const HttpRequest& head, size_t usual) const;

  Batcher& batcher();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pals
