// Texts that are too long for a row.
#pragma once

#include <vector>

#include "base/json.h"
#include "serve/served_model.h"

namespace pals {

/// Texts are cut at their end, as everywhere in the program. Throws ServeError where the body asks
/// for something else: 413 with `"truncate": false` for a text that would be cut, 422 for another
/// `truncation_direction` than "right".
void check_truncation(const ServedModel& model, const Json& body,
                      const std::vector<Example>& texts);

}  // namespace pals
