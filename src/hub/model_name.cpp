#include "hub/model_name.h"

#include <algorithm>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr std::string_view kPrefix = "hf://";
constexpr size_t kMostNameBytes = 96, kMostRevisionBytes = 200;
constexpr size_t kMostPartBytes = 255, kMostFileNameBytes = 1024, kMostParts = 8;
constexpr std::string_view kForm = ", expected hf://OWNER/NAME or hf://OWNER/NAME@REVISION";

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// What the hub itself allows of owners and names.
bool is_name(std::string_view text) {
  const auto allowed = [](char c) { return is_word(c) || c == '-' || c == '.'; };
  return !text.empty() && text.size() <= kMostNameBytes && std::ranges::all_of(text, allowed) &&
         is_word(text.front()) && is_word(text.back()) &&
         text.find("--") == std::string_view::npos && text.find("..") == std::string_view::npos;
}

// What git allows and a path in the cache bears.
bool is_revision(std::string_view text) {
  if (text.empty() || text.size() > kMostRevisionBytes) return false;
  return std::ranges::all_of(split(text, '/'), [](std::string_view part) {
    const auto allowed = [](char c) { return is_word(c) || c == '-' || c == '.' || c == '+'; };
    return !part.empty() && is_word(part.front()) && !part.ends_with('.') &&
           !part.ends_with(".lock") && std::ranges::all_of(part, allowed) &&
           part.find("..") == std::string_view::npos;
  });
}

}  // namespace

std::string ModelName::repository() const { return owner.empty() ? name : owner + "/" + name; }

std::string ModelName::text() const { return concat(kPrefix, repository(), "@", revision); }

std::string ModelName::folder() const {
  return concat("models--", owner, owner.empty() ? "" : "--", name);
}

bool is_model_name(std::string_view text) { return text.starts_with(kPrefix); }

ModelName parse_model_name(const std::string& text) {
  ModelName name;
  std::string_view rest = std::string_view(text).substr(std::min(kPrefix.size(), text.size()));
  const size_t at = rest.find('@');
  if (at != std::string_view::npos) {
    name.revision = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (!is_revision(name.revision)) {
      fail_usage(quote(text, 120), ": ", quote(name.revision, 40), " is no branch, tag or commit",
                 kForm);
    }
  }
  const size_t slash = rest.find('/');
  if (slash != std::string_view::npos) name.owner = rest.substr(0, slash);
  name.name = slash == std::string_view::npos ? rest : rest.substr(slash + 1);
  const bool owner_fits = slash == std::string_view::npos || is_name(name.owner);
  if (!is_model_name(text) || !owner_fits || !is_name(name.name)) {
    fail_usage(quote(text, 120), " is no name of a model on a hub", kForm);
  }
  return name;
}

bool is_hex(std::string_view text, size_t digits) {
  return text.size() == digits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool is_commit(std::string_view revision) {
  constexpr size_t kDigits = 40;
  return is_hex(revision, kDigits);
}

bool is_plain_file_name(std::string_view name) {
  if (name.size() > kMostFileNameBytes) return false;
  const std::vector<std::string_view> parts = split(name, '/');
  const auto harmless = [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F && c != '\\';
  };
  return parts.size() <= kMostParts && std::ranges::all_of(name, harmless) &&
         std::ranges::all_of(parts, [](std::string_view part) {
           return !part.empty() && part != "." && part != ".." && part.size() <= kMostPartBytes;
         });
}

std::string url_part(std::string_view text, bool keep_slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string url;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_word(c) || c == '-' || c == '.' || c == '~' || (keep_slash && c == '/')) {
      url += c;
    } else {
      url += '%';
      url += kDigits[byte >> 4U];
      url += kDigits[byte & 15U];
    }
  }
  return url;
}

}  // namespace pals
