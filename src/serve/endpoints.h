// What can be asked of the server: a row for each endpoint.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "serve/metrics.h"
#include "serve/served_model.h"
#include "serve/task_admin.h"
#include "serve/work.h"

namespace pals {

/// What an endpoint may show without computing.
struct Shown {
  const ServedModel& model;
  const Metrics& metrics;
  OrderedJson limits;  ///< for /info
  bool ready = true;
  bool wants_key = false;  ///< of whoever asks what is not open
};

/// Who may ask: everybody, whoever has the API key, or whoever has the admin token.
enum class Access { kOpen, kKey, kAdmin };

struct Endpoint {
  const char* method;
  const char* path;
  const char* summary;
  MakeWork work = nullptr;  ///< of a POST
  std::shared_ptr<const ServedModel> (*change)(TaskAdmin&, const std::string& task,
                                               std::string_view body) = nullptr;  ///< of an admin's
  HttpResponse (*show)(const Shown&) = nullptr;  ///< of a GET; called on the server's thread
  Access access = Access::kKey;
  const char* request = nullptr;   ///< the schema of its body (schemas.json)
  const char* response = nullptr;  ///< and of its answer; none: no JSON
};

const std::vector<Endpoint>& endpoints();

/// The endpoint of a method and path (HEAD is as GET); null: there is none. `{name}` at the end of
/// an endpoint's path is any name. `other_methods` are those that the path has.
const Endpoint* find_endpoint(std::string_view method, std::string_view path,
                              std::string& other_methods);

/// What of a path stands for the endpoint's `{name}`.
std::string name_in_path(const Endpoint& endpoint, std::string_view path);

/// /tasks: the tasks of a model.
HttpResponse show_tasks(const Shown& shown);

/// The description of all endpoints (OpenAPI 3.0).
HttpResponse show_openapi(const Shown& shown);

}  // namespace pals
