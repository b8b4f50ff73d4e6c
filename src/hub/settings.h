// Where the hub is, where its files are kept, and what may be done: the environment's variables
// that huggingface_hub has, too.
#pragma once

#include <string>

namespace pals {

struct HubSettings {
  std::string endpoint;   ///< HF_ENDPOINT: "https://huggingface.co", without a slash at its end
  std::string cache;      ///< HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub
  std::string token;      ///< HF_TOKEN; empty: none
  bool offline = false;   ///< HF_HUB_OFFLINE: no request at all
  int stall_seconds = 0;  ///< HF_HUB_DOWNLOAD_TIMEOUT: how long nothing may come
};

/// UsageError for values that cannot be meant.
HubSettings hub_settings();

}  // namespace pals
