// Files of words with tags, or of texts with spans.
#pragma once

#include <optional>
#include <vector>

#include "draft/kind_draft.h"

namespace pals {

/// The draft of files that are tagged; nothing for others. Throws Error as the kind's reader.
std::optional<KindDraft> draft_tagging(const FileGroup& group, const std::vector<Sample>& samples);

}  // namespace pals
