// What can be asked of the server: a row for each endpoint.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "serve/metrics.h"
#include "serve/served_model.h"
#include "serve/work.h"

namespace pals {

/// What an endpoint may show without computing.
struct Shown {
  const ServedModel& model;
  const Metrics& metrics;
  OrderedJson limits;  ///< for /info
  bool ready = true;
};

struct Endpoint {
  const char* method;
  const char* path;
  const char* summary;
  MakeWork work = nullptr;                       ///< of a POST
  HttpResponse (*show)(const Shown&) = nullptr;  ///< of a GET; called on the server's thread
  bool is_open = false;                          ///< also without the API key
  const char* request = nullptr;                 ///< the schema of its body (schemas.json)
  const char* response = nullptr;                ///< and of its answer; none: no JSON
};

const std::vector<Endpoint>& endpoints();

/// The endpoint of a method and path (HEAD is as GET); null: there is none. `other_methods` are
/// those that the path has.
const Endpoint* find_endpoint(std::string_view method, std::string_view path,
                              std::string& other_methods);

/// The description of all endpoints (OpenAPI 3.0).
HttpResponse show_openapi(const Shown& shown);

}  // namespace pals
