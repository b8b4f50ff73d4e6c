#include "text/tokenizer_settings.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"

namespace pals {
namespace {

std::optional<std::string> cased_word(const std::string& more) {
  return find_cased_word(Vocabulary::from_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n" + more, "test"));
}

TEST(FindCasedWord, CapitalsOfWholeWordsCount) {
  EXPECT_EQ(cased_word("paris\nParis\nRome\n"), "Paris");
  EXPECT_EQ(cased_word("word\nΑθήνα\n"), "Αθήνα");
  EXPECT_EQ(cased_word("word\niPhone\n"), "iPhone");
}

TEST(FindCasedWord, SpecialTokensPiecesAndLettersWithoutASmallFormDoNot) {
  EXPECT_EQ(cased_word(""), std::nullopt);
  EXPECT_EQ(cased_word("[MASK]\n[unused1]\n<S>\n##ING\nword\n日本\nℝ\nß\n[\n]\n"), std::nullopt);
}

// The published vocabularies, where they are at hand.
TEST(FindCasedWord, PublishedVocabularies) {
  const char* reference = std::getenv("PALS_REFERENCE_DIR");
  const std::string folder = std::string(reference == nullptr ? "" : reference) + "/../vocab/";
  if (reference == nullptr || !directory_exists(folder)) GTEST_SKIP() << "no PALS_REFERENCE_DIR";
  const auto of = [&](const std::string& name) {
    return find_cased_word(Vocabulary::load(folder + "bert-base-" + name + "-vocab.txt"));
  };
  EXPECT_EQ(of("uncased"), std::nullopt);
  EXPECT_EQ(of("chinese"), std::nullopt);
  EXPECT_EQ(of("cased"), "A");
  EXPECT_EQ(of("multilingual-cased"), "A");
}

}  // namespace
}  // namespace pals
