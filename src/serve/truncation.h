// Texts that are too long for a row.
#pragma once

#include <vector>

#include "base/json.h"
#include "serve/served_model.h"

namespace pals {

/// How the texts of a request become rows: cut at their end, as everywhere in the program, or at
/// their start with `"truncation_direction": "left"`. Throws ServeError: 413 with
/// `"truncate": false` for a text that would be cut, 422 for a direction that is none.
/// `cut_texts`: those that are cut where they are too long.
TextRules rules_for(const ServedModel& model, const Json& body,
                    const std::vector<Example>& cut_texts);

}  // namespace pals
