#include "hub/settings.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr const char* kEndpoint = "https://huggingface.co";
constexpr int kStallSeconds = 30, kMostStallSeconds = 3600;

// Empty where the variable is not set.
std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

std::string endpoint() {
  std::string url = variable("HF_ENDPOINT");
  if (url.empty()) return kEndpoint;
  while (url.ends_with('/')) url.pop_back();
  const bool known = url.starts_with("https://") || url.starts_with("http://");
  if (!known || !is_printable(url) || url.find_first_of("@?#\"\\") != std::string::npos) {
    fail_usage("HF_ENDPOINT is ", quote(url), ", expected a URL such as ", kEndpoint);
  }
  return url;
}

// A path below the home folder; "~/" is what people write in such variables, too.
std::string in_home(const std::string& path) {
  const std::string home = variable("HOME");
  if (home.empty()) {
    fail_usage("no folder for models from a hub: HOME is not set; set HF_HUB_CACHE to a folder");
  }
  return home + "/" + path;
}

std::string expanded(const std::string& path) {
  return path.starts_with("~/") ? in_home(path.substr(2)) : path;
}

std::string cache_folder() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const std::string folder = variable(name); !folder.empty()) return expanded(folder);
  }
  if (const std::string home = variable("HF_HOME"); !home.empty()) return expanded(home) + "/hub";
  const std::string caches = variable("XDG_CACHE_HOME");
  return (caches.empty() ? in_home(".cache") : expanded(caches)) + "/huggingface/hub";
}

// A header's value: nothing in it may begin another header.
std::string token() {
  const std::string given = variable("HF_TOKEN");
  std::string trimmed(trim(given));
  if (!is_printable(trimmed)) fail_usage("HF_TOKEN holds blanks or control characters");
  return trimmed;
}

int stall_seconds() {
  const std::string text = variable("HF_HUB_DOWNLOAD_TIMEOUT");
  if (text.empty()) return kStallSeconds;
  const std::optional<int64_t> seconds = parse_int(text);
  if (!seconds || *seconds < 1 || *seconds > kMostStallSeconds) {
    fail_usage("HF_HUB_DOWNLOAD_TIMEOUT is ", quote(text), ", expected seconds from 1 to ",
               kMostStallSeconds);
  }
  return static_cast<int>(*seconds);
}

}  // namespace

HubSettings hub_settings() {
  const std::string offline = ascii_lower(variable("HF_HUB_OFFLINE"));
  return {.endpoint = endpoint(),
          .cache = cache_folder(),
          .token = token(),
          .offline = offline == "1" || offline == "true" || offline == "yes" || offline == "on",
          .stall_seconds = stall_seconds()};
}

}  // namespace pals
