#include "base/error.h"
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
  struct Row {
    const char* status;
    const char* description;
    bool of_all;  ///< also of endpoints that compute nothing
  };
  static constexpr Row kErrors[] = {{"400", "The body is no JSON, or a list is empty", false},
                                    {"401", "The API key is missing or another one", true},
                                    {"413", "The body, a list or a text is too long", false},
                                    {"422", "The body is not as described", false},
                                    {"424", "The computation failed", false},
                                    {"429", "Too much waits: come back after Retry-After", false},
                                    {"503", "The server is about to end", true}};
  OrderedJson all;
  all["200"] = {{"description", "OK"}};
  if (endpoint.response != nullptr) {
    all["200"]["content"] = content(endpoint.response);
  } else {
    all["200"]["content"] = {{"text/plain", {{"schema", {{"type", "string"}}}}},
                             {"text/html", {{"schema", {{"type", "string"}}}}}};
  }
  for (const Row& row : kErrors) {
    if (endpoint.work == nullptr && !row.of_all) continue;
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
  if (endpoint.is_open) operation["security"] = OrderedJson::array();
  return operation;
}

}  // namespace

HttpResponse show_openapi(const Shown& /*shown*/) {
  OrderedJson paths;
  for (const Endpoint& endpoint : endpoints()) {
    const bool is_post = std::string_view(endpoint.method) == "POST";
    paths[endpoint.path][is_post ? "post" : "get"] = describe(endpoint);
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
       {{"securitySchemes", {{"api_key", {{"type", "http"}, {"scheme", "bearer"}}}}},
        {"schemas", OrderedJson::parse(schemas_json())}}},
      {"security", OrderedJson::array({{{"api_key", OrderedJson::array()}}})}};
  return {.body = json_text(description, -1)};
}

}  // namespace pals
