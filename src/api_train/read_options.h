// Options that a program gives by name.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text_util.h"
#include "options/option.h"

namespace pals::api {

/// Fills what `known` says with values as on the command line. UsageError for names that it lacks
/// or are among `refused`, and for values as Option::read.
inline void read_options(const std::map<std::string, std::string>& given, const OptionList& known,
                         const std::vector<std::string>& refused = {}) {
  std::vector<std::string> names;
  for (const Option& option : known.rows()) {
    if (std::ranges::find(refused, option.name) == refused.end()) names.push_back(option.name);
  }
  for (const auto& [name, value] : given) {
    if (std::ranges::find(names, name) == names.end()) {
      fail_usage("unknown option ", quote(name), did_you_mean(name, names));
    }
    std::ranges::find(known.rows(), name, &Option::name)->read(value);
  }
}

}  // namespace pals::api
