#include "settings/serve_options.h"

#include <cctype>

#include "settings/shared.h"

namespace pals {
namespace {

constexpr double kMostSeconds = 86'400;
constexpr Range kBytes = {1'000.0, 1e12};

}  // namespace

OptionList options_of(ServeOptions& o) {
  OptionList list;
  Option model = model_option(o.model);
  model.needed = true;
  list.add("Model", {model});
  list.add(
      "Network",
      {{.name = "host",
        .field = o.host,
        .help = "address or name to listen on; `0.0.0.0`: all of this machine's"},
       {.name = "port",
        .field = o.port,
        .range = between(0, 65'535),
        .help = "0: any that is free"},
       {.name = "payload_limit",
        .field = o.payload_limit,
        .range = kBytes,
        .help = "bytes of a request's body at most"},
       {.name = "cors_allow_origin",
        .field = o.cors_allow_origin,
        .help = "origins whose pages may ask, with commas between, or `*`; default: none"},
       {.name = "api_key",
        .field = o.api_key,
        .help = "clients must send `Authorization: Bearer KEY`; default: everybody may ask"},
       {.name = "admin_token",
        .field = o.admin_token,
        .help = "with this in place of the API key tasks can be added and removed; default: "
                "nobody can"},
       {.name = "access_log",
        .field = o.access_log,
        .help = "a file for a line of JSON for each request, `-` for standard output; default: "
                "none"}});
  list.add("Load",
           {{.name = "max_batch_tokens",
             .field = o.max_batch_tokens,
             .range = kNotNegative,
             .help = "tokens that are computed at once; 0: 1024 on a CPU, 16384 on a GPU"},
            {.name = "queue_tokens",
             .field = o.queue_tokens,
             .range = kPositive,
             .help = "tokens that may wait; more is refused with 429"},
            {.name = "max_client_batch_size",
             .field = o.max_client_batch_size,
             .range = kPositive,
             .help = "texts of a request at most"},
            {.name = "max_concurrent_requests",
             .field = o.max_concurrent_requests,
             .range = kPositive,
             .help = "requests at work at once; more are refused with 429"},
            {.name = "drain_seconds",
             .field = o.drain_seconds,
             .range = between(0, kMostSeconds),
             .help = "time for what was accepted to be answered when the server is told to end"}});
  list.add("Computing", {precision_option(o.precision), device_option(o.device),
                         threads_option(o.threads), config_option()});
  return list;
}

std::string environment_name(const std::string& option) {
  std::string name = "PALS_";
  for (const char c : option) {
    name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

}  // namespace pals
