// What all pages have: frame, style, and a bound on their size.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "report/html.h"

namespace pals {

/// A page is smaller, in bytes.
inline constexpr size_t kMostPageBytes = 1'000'000;

/// How much of each task a page shows.
struct PageLimits {
  size_t errors = 10;             ///< rows of a task that were predicted worst
  size_t error_characters = 400;  ///< of each of their texts
  size_t classes = 40;            ///< rows of a table of classes
  size_t matrix = 20;             ///< classes of a confusion matrix
  size_t tasks = 200;             ///< that have a part of their own

  /// Less of everything, the more the higher; level 0 is all of the above.
  static PageLimits of_level(int level);
};

/// style.css.
std::string_view style_css();

/// A whole document that needs nothing else: `title` is escaped, `header` and `main` are HTML.
std::string html_page(std::string_view title, const std::string& header, const std::string& main);

/// The page that `make` gives at the lowest level at which it is small enough.
std::string bounded_page(const std::function<std::string(const PageLimits&)>& make);

/// One of the boxes at the top of a page.
std::string tile(std::string_view value, std::string_view name);

}  // namespace pals
