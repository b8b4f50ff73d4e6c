// Texts in fields of TSV.
#pragma once

#include <string>

namespace pals {

/// Tabs and line ends become blanks.
inline std::string tsv_text(std::string text) {
  for (char& c : text) {
    if (c == '\t' || c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

}  // namespace pals
