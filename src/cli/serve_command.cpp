#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "base/one_line.h"
#include "base/service_manager.h"
#include "base/signal.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "cli/served_folder.h"
#include "http/server.h"
#include "kernels/device.h"
#include "kernels/threads.h"
#include "modules/precision_choice.h"
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
          .admin_token = options.admin_token,
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

/// Loads the folder again; requests that are there are answered by the old network.
template <typename Load>
void take_over(Service& service, const Load& load) {
  try {
    const std::shared_ptr<ServedFolder> folder = load();
    service.replace(folder->model(), folder);
    log_line("loaded the model folder again");
  } catch (const std::exception& error) {
    log_warning("the model folder was not loaded again: ", one_line(error.what()));
  }
}

int run_serve(const ServeOptions& options, const std::stop_token& stop) {
  const at::Device device = choose_device(options.device);
  report_device(device);
  const auto network_thread = std::make_shared<NetworkThread>();
  const auto load = [&] {
    return std::make_shared<ServedFolder>(
        options.model, choose_precision(options.precision, device), device, network_thread);
  };
  const std::shared_ptr<ServedFolder> folder = load();
  Service service(folder->model(), service_options(options, device));
  network_thread->use(&service.batcher());
  service.replace(folder->model(), folder);
  HttpServerOptions http = server_options(options);
  http.body_limit = [&, usual = http.max_body_bytes](const HttpRequest& head) {
    return service.body_limit(head, usual);
  };
  HttpServer server(std::move(http), [&](HttpRequest request, Responder responder) {
    service.handle(std::move(request), std::move(responder));
  });
  {
    const HangupSignal reload([&] { take_over(service, load); });
    log_line(concat("listening on ", server.address()));
    notify_service_manager("READY=1");
    wait_for(stop);
  }
  notify_service_manager("STOPPING=1");
  service.set_ready(false);
  server.drain();
  server.wait_until_drained(
      std::chrono::milliseconds(static_cast<int64_t>(options.drain_seconds * 1000.0)));
  server.stop();
  service.replace(service.model(), nullptr);
  network_thread->use(nullptr);
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
