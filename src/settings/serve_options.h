// Everything that `pals serve` can be told. Field names are the flags'.
#pragma once

#include <cstdint>
#include <string>

#include "options/choices.h"
#include "options/device_choice.h"
#include "options/option.h"

namespace pals {

struct ServeOptions {
  std::string model;
  DeviceChoice device;
  std::string host = "127.0.0.1";
  int port = 8080;
  std::string api_key, admin_token, cors_allow_origin, access_log;
  int64_t max_batch_tokens = 0;  ///< 0: by the device
  int64_t queue_tokens = 65'536;
  int64_t max_client_batch_size = 32;
  int64_t payload_limit = 2'000'000;
  int64_t max_concurrent_requests = 512;
  double drain_seconds = 30.0;
  PrecisionChoice precision = PrecisionChoice::kAuto;
  int threads = 0;
};

/// One row for each, which fills `options` (it must outlive the rows).
OptionList options_of(ServeOptions& options);

/// The environment variable that stands for a flag of this name: "PALS_MAX_BATCH_TOKENS".
std::string environment_name(const std::string& option);

}  // namespace pals
