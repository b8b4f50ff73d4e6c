#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "base/service_manager.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "cli/served_folder.h"
#include "http/server.h"
#include "nn/device.h"
#include "nn/precision_choice.h"
#include "nn/threads.h"
#include "serve/service.h"
#include "settings/serve_options.h"

namespace pals {
namespace {

constexpr int64_t kCpuBatchTokens = 1024, kGpuBatchTokens = 16'384;
constexpr int kWorkers = 2;  // that parse, encode and decode beside the computation

HttpServerOptions server_options(const ServeOptions& options) {
  HttpServerOptions server{.host = options.host,
                           .port = static_cast<uint16_t>(options.port),
                           .max_body_bytes = static_cast<size_t>(options.payload_limit),
                           .access_log = options.access_log};
  if (!options.cors_allow_origin.empty()) {
    for (const std::string_view origin : split(options.cors_allow_origin, ',')) {
      server.allowed_origins.emplace_back(trim(origin));
    }
  }
  return server;
}

ServiceOptions service_options(const ServeOptions& options, at::Device device) {
  const int64_t usual = device.is_cpu() ? kCpuBatchTokens : kGpuBatchTokens;
  return {.limits = {.max_client_batch_size = static_cast<size_t>(options.max_client_batch_size)},
          .max_concurrent_requests = static_cast<size_t>(options.max_concurrent_requests),
          .threads = kWorkers,
          .api_key = options.api_key,
          .batcher = {
              .max_batch_tokens = options.max_batch_tokens > 0 ? options.max_batch_tokens : usual,
              .queue_tokens = options.queue_tokens,
              .on_start = [threads = options.threads] { use_threads(threads); }}};
}

void wait_for(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait(lock, stop, [] { return false; });
}

int run_serve(const ServeOptions& options, const std::stop_token& stop) {
  const at::Device device = choose_device(options.device);
  report_device(device);
  Service service(
      load_served_model(options.model, choose_precision(options.precision, device), device),
      service_options(options, device));
  HttpServer server(server_options(options), [&](HttpRequest request, Responder responder) {
    service.handle(std::move(request), std::move(responder));
  });
  log_line(concat("listening on ", server.address()));
  notify_service_manager("READY=1");
  wait_for(stop);
  notify_service_manager("STOPPING=1");
  service.set_ready(false);
  server.drain();
  server.wait_until_drained(
      std::chrono::milliseconds(static_cast<int64_t>(options.drain_seconds * 1000.0)));
  server.stop();
  return 0;
}

}  // namespace

Command add_serve_command(CLI::App& program) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* app = program.add_subcommand("serve", "answer over HTTP, all tasks from one process");
  OptionList list = options_of(*options);
  add_options(*app, list);
  app->add_option("folder", options->model, "the model folder, without --model");
  for (const Option& option : list.rows()) {
    if (option.name == "config") continue;  // read before all others
    app->get_option(option.flag())->envname(environment_name(option.name));
  }
  app->footer(
      "Each flag can be set by an environment variable, which a flag overrides. SIGTERM ends the "
      "server once what it has accepted is answered. Endpoints, limits and clients: "
      "docs/serving.md.\n\nExamples:\n"
      "  pals serve runs/three/best --port 8080\n"
      "  curl localhost:8080/predict -d '{\"inputs\": \"a moving, funny film\", \"task\": "
      "\"sst\"}'");
  return {app, [options](const std::stop_token& stop) { return run_serve(*options, stop); }, list};
}

}  // namespace pals
