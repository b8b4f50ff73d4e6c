#include "serve/endpoints.h"

#include <optional>

#include "base/error.h"
#include "base/version.h"
#include "kinds/kind.h"
#include "predict/fit.h"
#include "serve/embedded.h"

namespace pals {
namespace {

HttpResponse json_response(const OrderedJson& json) { return {.body = json_text(json, -1)}; }

OrderedJson describe(const Task& task) {
  const Kind& kind = kind_of(task);
  OrderedJson json = {{"name", task.name}, {"kind", kind_name(task.kind)}};
  if (!task.labels.empty()) json["labels"] = task.labels;
  json["texts"] = nullptr;  // not known
  if (kind.input().context) {
    json["texts"] = "question and context";
  } else if (kind.input().choices) {
    json["texts"] = "context and choices";
  } else if (const std::optional<size_t> texts = texts_of(task)) {
    json["texts"] = *texts == 2 ? "pair" : "one";
  }
  return json;
}

OrderedJson described_tasks(const ServedModel& model) {
  OrderedJson tasks = OrderedJson::array();
  for (const int number : model.all_tasks()) {
    tasks.push_back(describe(model.tasks[static_cast<size_t>(number)]));
  }
  return tasks;
}

HttpResponse show_info(const Shown& shown) {
  const ServedModel& model = shown.model;
  OrderedJson info = {{"model_id", model.name}, {"version", version()}};
  info.update(model.facts);
  info["max_input_length"] = model.max_seq_length;
  info["auto_truncate"] = true;
  info.update(shown.limits);
  info["tasks"] = described_tasks(model);
  return json_response(info);
}

HttpResponse show_health(const Shown& shown) {
  if (!shown.ready) return error_response(503, "unhealthy", "the server is about to end");
  return json_response({{"status", "ready"}});
}

HttpResponse show_metrics(const Shown& shown) {
  return {.content_type = "text/plain; version=0.0.4", .body = shown.metrics.text()};
}

HttpResponse show_page(const Shown& /*shown*/) {
  return {.content_type = "text/html; charset=utf-8",
          .body = std::string(page_html()),
          .headers = {{"Content-Security-Policy",
                       "default-src 'none'; style-src 'unsafe-inline'; script-src "
                       "'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; "
                       "form-action 'none'; frame-ancestors 'none'"},
                      {"Cache-Control", "no-cache"}}};
}

std::shared_ptr<const ServedModel> put_task(TaskAdmin& admin, const std::string& task,
                                            std::string_view body) {
  return admin.put(task, body);
}

std::shared_ptr<const ServedModel> remove_task(TaskAdmin& admin, const std::string& task,
                                               std::string_view /*body*/) {
  return admin.remove(task);
}

/// "/tasks/" of "/tasks/{name}"; empty for a path without a name.
std::string_view before_name(std::string_view path) {
  constexpr std::string_view kName = "{name}";
  return path.ends_with(kName) ? path.substr(0, path.size() - kName.size()) : std::string_view();
}

bool matches(const Endpoint& endpoint, std::string_view path) {
  const std::string_view start = before_name(endpoint.path);
  if (start.empty()) return path == endpoint.path;
  return path.size() > start.size() && path.starts_with(start) &&
         path.find('/', start.size()) == std::string_view::npos;
}

}  // namespace

HttpResponse show_tasks(const Shown& shown) { return json_response(described_tasks(shown.model)); }

std::string name_in_path(const Endpoint& endpoint, std::string_view path) {
  return std::string(path.substr(before_name(endpoint.path).size()));
}

const std::vector<Endpoint>& endpoints() {
  static const std::vector<Endpoint> rows = {
      {.method = "POST",
       .path = "/predict",
       .summary = "What tasks say of texts",
       .work = predict_work,
       .request = "PredictRequest",
       .response = "PredictResponse"},
      {.method = "POST",
       .path = "/",
       .summary = "The same as /predict",
       .work = predict_work,
       .request = "PredictRequest",
       .response = "PredictResponse"},
      {.method = "POST",
       .path = "/rerank",
       .summary = "Texts ordered by how well they fit a query",
       .work = rerank_work,
       .request = "RerankRequest",
       .response = "RerankResponse"},
      {.method = "POST",
       .path = "/embed",
       .summary = "A vector for each text",
       .work = embed_work,
       .request = "EmbedRequest",
       .response = "Vectors"},
      {.method = "POST",
       .path = "/similarity",
       .summary = "The cosine of the angle between a text's vector and those of others",
       .work = similarity_work,
       .request = "SimilarityRequest",
       .response = "Numbers"},
      {.method = "POST",
       .path = "/v1/embeddings",
       .summary = "Vectors for clients of OpenAI's API",
       .work = openai_embeddings_work,
       .request = "OpenAIEmbeddingsRequest",
       .response = "OpenAIEmbeddingsResponse"},
      {.method = "POST",
       .path = "/tokenize",
       .summary = "The tokens of texts",
       .work = tokenize_work,
       .request = "TokenizeRequest",
       .response = "TokenizeResponse"},
      {.method = "POST",
       .path = "/decode",
       .summary = "The text of tokens",
       .work = decode_work,
       .request = "DecodeRequest",
       .response = "Texts"},
      {.method = "GET",
       .path = "/tasks",
       .summary = "The model's tasks",
       .show = show_tasks,
       .response = "Tasks"},
      {.method = "PUT",
       .path = "/tasks/{name}",
       .summary = "Takes in a task: a tar of its files",
       .change = put_task,
       .access = Access::kAdmin,
       .response = "Tasks"},
      {.method = "DELETE",
       .path = "/tasks/{name}",
       .summary = "Lets go of a task",
       .change = remove_task,
       .access = Access::kAdmin,
       .response = "Tasks"},
      {.method = "GET",
       .path = "/info",
       .summary = "The model and the server's limits",
       .show = show_info,
       .response = "Info"},
      {.method = "GET",
       .path = "/health",
       .summary = "Whether requests are welcome",
       .show = show_health,
       .access = Access::kOpen,
       .response = "Health"},
      {.method = "GET",
       .path = "/metrics",
       .summary = "Counts and times for Prometheus",
       .show = show_metrics},
      {.method = "GET",
       .path = "/openapi.json",
       .summary = "This description",
       .show = show_openapi,
       .access = Access::kOpen,
       .response = "Description"},
      {.method = "GET",
       .path = "/",
       .summary = "A page to try the model",
       .show = show_page,
       .access = Access::kOpen}};
  return rows;
}

const Endpoint* find_endpoint(std::string_view method, std::string_view path,
                              std::string& other_methods) {
  if (method == "HEAD") method = "GET";
  for (const Endpoint& endpoint : endpoints()) {
    if (!matches(endpoint, path)) continue;
    if (method == endpoint.method) return &endpoint;
    if (!other_methods.empty()) other_methods += ", ";
    other_methods += endpoint.method;
  }
  return nullptr;
}

}  // namespace pals
