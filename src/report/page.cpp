#include "report/page.h"

#include <algorithm>

#include "base/error.h"
#include "base/version.h"

namespace pals {
namespace {

constexpr int kLevels = 6;

}  // namespace

PageLimits PageLimits::of_level(int level) {
  PageLimits limits;
  for (int i = 0; i < level; ++i) {
    limits.errors = std::max<size_t>(1, limits.errors / 2);
    limits.error_characters = std::max<size_t>(60, limits.error_characters / 2);
    limits.classes = std::max<size_t>(5, limits.classes / 2);
    limits.matrix = std::max<size_t>(4, limits.matrix / 2);
    limits.tasks = std::max<size_t>(8, limits.tasks / 2);
  }
  return limits;
}

std::string html_page(std::string_view title, const std::string& header, const std::string& main) {
  return concat(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; img-src data:\">\n<link rel=\"icon\" href=\"data:,\">\n<title>",
      html_text(title), "</title>\n<style>\n", style_css(), "</style>\n</head>\n<body>\n<header>\n",
      header, "</header>\n<main>\n", main, "</main>\n<footer>Made by pals ", version(),
      ". Intervals are 95 % bootstrap intervals over the rows of the development set, where "
      "nothing "
      "else is said.</footer>\n"
      "</body>\n</html>\n");
}

std::string bounded_page(const std::function<std::string(const PageLimits&)>& make) {
  std::string page;
  for (int level = 0; level < kLevels; ++level) {
    page = make(PageLimits::of_level(level));
    if (page.size() < kMostPageBytes) return page;
  }
  fail("the page would have ", page.size(), " bytes, more than the ", kMostPageBytes,
       " that are allowed; report fewer runs at once");
}

std::string tile(std::string_view value, std::string_view name) {
  return concat("<div class=\"tile\"><b>", html_text(value), "</b><span>", html_text(name),
                "</span></div>\n");
}

}  // namespace pals
