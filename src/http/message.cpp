#include "http/message.h"

#include <algorithm>

#include "base/json.h"
#include "base/text_util.h"

namespace pals {

std::string_view HttpRequest::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view HttpRequest::header(std::string_view name) const {
  const std::string wanted = ascii_lower(name);
  const auto found = std::ranges::find_if(
      headers, [&](const HttpHeader& header) { return ascii_lower(header.name) == wanted; });
  return found == headers.end() ? std::string_view() : std::string_view(found->value);
}

HttpResponse error_response(int status, const std::string& type, const std::string& message) {
  const OrderedJson body = {{"error", message}, {"error_type", type}};
  return {.status = status, .body = json_text(body, -1)};
}

std::string_view status_text(int status) {
  struct Row {
    int status;
    std::string_view text;
  };
  static constexpr Row kRows[] = {{200, "OK"},
                                  {201, "Created"},
                                  {204, "No Content"},
                                  {400, "Bad Request"},
                                  {401, "Unauthorized"},
                                  {403, "Forbidden"},
                                  {404, "Not Found"},
                                  {405, "Method Not Allowed"},
                                  {408, "Request Timeout"},
                                  {409, "Conflict"},
                                  {413, "Payload Too Large"},
                                  {422, "Unprocessable Entity"},
                                  {424, "Failed Dependency"},
                                  {429, "Too Many Requests"},
                                  {431, "Request Header Fields Too Large"},
                                  {500, "Internal Server Error"},
                                  {503, "Service Unavailable"}};
  for (const Row& row : kRows) {
    if (row.status == status) return row.text;
  }
  return "Unknown";
}

}  // namespace pals
