// The texts of features as flat arrays, as the cache's files hold them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "features/features.h"

namespace pals {

/// The texts of C contexts with T tokens, and Q questions with A answers.
struct PackedTexts {
  std::vector<int64_t> token_offsets = {0};   ///< [C+1], context c has tokens [c] to [c + 1]
  std::vector<int64_t> answer_offsets = {0};  ///< [Q+1], question q has answers [q] to [q + 1]
  std::vector<int64_t> answer_starts;         ///< [A]
  std::vector<int64_t> text_ends;  ///< [C+2Q+A] of contexts, questions' ids, questions, answers
  std::vector<int32_t> token_ids, token_words;  ///< [T]
  std::vector<int32_t> question_contexts;       ///< [Q]
  std::string bytes;                            ///< the texts end to end
};

PackedTexts pack_texts(const FeatureTexts& texts);

/// Throws Error for offsets and ends that do not fit the arrays. What the arrays hold beyond that
/// is for the kind to check.
FeatureTexts unpack_texts(const PackedTexts& packed);

}  // namespace pals
