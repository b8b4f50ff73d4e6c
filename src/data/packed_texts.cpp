#include "data/packed_texts.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace pals {
namespace {

void check_offsets(const std::vector<int64_t>& offsets, size_t end) {
  if (offsets.front() != 0 || offsets.back() != static_cast<int64_t>(end) ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    fail("its texts have impossible bounds");
  }
}

/// The part [offsets[i], offsets[i + 1]) of an array.
template <typename T>
std::vector<T> part_of(const std::vector<T>& values, const std::vector<int64_t>& offsets,
                       size_t i) {
  return {values.begin() + offsets[i], values.begin() + offsets[i + 1]};
}

}  // namespace

PackedTexts pack_texts(const FeatureTexts& texts) {
  PackedTexts packed;
  const auto add = [&](const std::string& text) {
    packed.bytes += text;
    packed.text_ends.push_back(static_cast<int64_t>(packed.bytes.size()));
  };
  for (const ContextTokens& tokens : texts.tokens) {
    packed.token_ids.insert(packed.token_ids.end(), tokens.token_ids.begin(),
                            tokens.token_ids.end());
    packed.token_words.insert(packed.token_words.end(), tokens.token_words.begin(),
                              tokens.token_words.end());
    packed.token_offsets.push_back(static_cast<int64_t>(packed.token_ids.size()));
  }
  for (const std::string& context : texts.questions.contexts) add(context);
  for (const Question& question : texts.questions.questions) {
    packed.question_contexts.push_back(question.context);
    add(question.id);
    add(question.text);
  }
  for (const Question& question : texts.questions.questions) {
    for (const Answer& answer : question.answers) {
      packed.answer_starts.push_back(answer.start);
      add(answer.text);
    }
    packed.answer_offsets.push_back(static_cast<int64_t>(packed.answer_starts.size()));
  }
  return packed;
}

FeatureTexts unpack_texts(const PackedTexts& packed) {
  check_offsets(packed.token_offsets, packed.token_ids.size());
  check_offsets(packed.answer_offsets, packed.answer_starts.size());
  std::vector<int64_t> ends = {0};
  ends.insert(ends.end(), packed.text_ends.begin(), packed.text_ends.end());
  check_offsets(ends, packed.bytes.size());
  size_t next = 0;
  const auto take = [&] {
    const auto first = static_cast<size_t>(ends[next]), last = static_cast<size_t>(ends[next + 1]);
    ++next;
    return packed.bytes.substr(first, last - first);
  };
  FeatureTexts texts;
  for (size_t c = 0; c + 1 < packed.token_offsets.size(); ++c) {
    texts.questions.contexts.push_back(take());
    texts.tokens.push_back({part_of(packed.token_ids, packed.token_offsets, c),
                            part_of(packed.token_words, packed.token_offsets, c)});
  }
  for (const int32_t context : packed.question_contexts) {
    std::string id = take();
    texts.questions.questions.push_back({std::move(id), take(), context, {}});
  }
  for (size_t q = 0; q < texts.questions.questions.size(); ++q) {
    for (const int64_t start : part_of(packed.answer_starts, packed.answer_offsets, q)) {
      texts.questions.questions[q].answers.push_back({take(), start});
    }
  }
  return texts;
}

}  // namespace pals
