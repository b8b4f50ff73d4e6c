// The room's files that are no C++, as the program holds them.
#pragma once

#include <string_view>

namespace pals {

std::string_view page_html();     ///< GET /
std::string_view schemas_json();  ///< bodies of requests and answers, for /openapi.json

}  // namespace pals
