#include <algorithm>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/text_util.h"
#include "base/version.h"
#include "serve/embedded.h"
#include "serve/endpoints.h"

namespace pals {
namespace {

OrderedJson reference(const char* schema) {
  return {{"$ref", concat("#/components/schemas/", schema)}};
}

OrderedJson content(const char* schema) {
  return {{"application/json", {{"schema", reference(schema)}}}};
}

OrderedJson answers(const Endpoint& endpoint) {
  enum class Of { kAll, kWork, kChange };
  struct Row {
    const char* status;
    const char* description;
    std::vector<Of> endpoints;
  };
  static const std::vector<Row> errors = {
      {"400", "The body is no JSON, or a list is empty", {Of::kWork}},
      {"401", "The key or token is missing or another one", {Of::kAll}},
      {"403", "The server was started without an admin token", {Of::kChange}},
      {"404", "There is no such task", {Of::kChange}},
      {"413", "The body, a list or a text is too long", {Of::kWork, Of::kChange}},
      {"422", "The body is not as described", {Of::kWork, Of::kChange}},
      {"424", "The computation failed", {Of::kWork}},
      {"429", "Too much waits: come back after Retry-After", {Of::kWork, Of::kChange}},
      {"503", "The server is about to end", {Of::kAll}}};
  const Of kind = endpoint.work != nullptr     ? Of::kWork
                  : endpoint.change != nullptr ? Of::kChange
                                               : Of::kAll;
  OrderedJson all;
  all["200"] = {{"description", "OK"}};
  if (endpoint.response != nullptr) {
    all["200"]["content"] = content(endpoint.response);
  } else {
    all["200"]["content"] = {{"text/plain", {{"schema", {{"type", "string"}}}}},
                             {"text/html", {{"schema", {{"type", "string"}}}}}};
  }
  for (const Row& row : errors) {
    const bool fits = row.endpoints.front() == Of::kAll ||
                      std::ranges::find(row.endpoints, kind) != row.endpoints.end();
    if (!fits) continue;
    all[row.status] = {{"description", row.description}, {"content", content("Error")}};
  }
  return all;
}

OrderedJson describe(const Endpoint& endpoint) {
  OrderedJson operation = {{"summary", endpoint.summary}};
  if (endpoint.request != nullptr) {
    operation["requestBody"] = {{"required", true}, {"content", content(endpoint.request)}};
  }
  operation["responses"] = answers(endpoint);
  if (endpoint.change != nullptr) {
    operation["parameters"] = OrderedJson::array(
        {{{"name", "name"},
          {"in", "path"},
          {"required", true},
          {"schema", {{"type", "string"}, {"pattern", "^[A-Za-z0-9_-]{1,64}$"}}}}});
  }
  if (std::string_view(endpoint.method) == "PUT") {
    operation["requestBody"] = {
        {"required", true},
        {"content",
         {{"application/octet-stream", {{"schema", {{"type", "string"}, {"format", "binary"}}}}}}}};
  }
  if (endpoint.access == Access::kOpen) operation["security"] = OrderedJson::array();
  if (endpoint.access == Access::kAdmin) {
    operation["security"] = OrderedJson::array({{{"admin_token", OrderedJson::array()}}});
  }
  return operation;
}

}  // namespace

HttpResponse show_openapi(const Shown& shown) {
  OrderedJson paths;
  for (const Endpoint& endpoint : endpoints()) {
    paths[endpoint.path][ascii_lower(endpoint.method)] = describe(endpoint);
  }
  const OrderedJson description = {
      {"openapi", "3.0.3"},
      {"info",
       {{"title", "pals serve"},
        {"description",
         "Many text tasks of one BERT. The endpoints are those of "
         "text-embeddings-inference, with `task` and `tasks` beside."},
        {"version", version()}}},
      {"paths", paths},
      {"components",
       {{"securitySchemes",
         {{"api_key", {{"type", "http"}, {"scheme", "bearer"}}},
          {"admin_token", {{"type", "http"}, {"scheme", "bearer"}}}}},
        {"schemas", OrderedJson::parse(schemas_json())}}},
      {"security", shown.wants_key ? OrderedJson::array({{{"api_key", OrderedJson::array()}}})
                                   : OrderedJson::array()}};
  return {.body = json_text(description, -1)};
}

}  // namespace pals
