#include "text/piece_trie.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "text/word_table.h"

namespace pals {
namespace {

const std::string kSpecials = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";

std::vector<int32_t> match(const PieceTrie& trie, const std::string& word) {
  std::vector<int32_t> ids(word.size());
  ids.resize(trie.match(word.data(), word.size(), ids.data()));
  return ids;
}

TEST(PieceTrie, TakesTheLongestPieceFirst) {
  const auto vocabulary =
      Vocabulary::from_text(kSpecials + "a\nab\nabcd\n##c\n##cd\n##de\n##cdef\nb\n##\n", "test");
  const PieceTrie trie(vocabulary, 100);
  using Ids = std::vector<int32_t>;
  EXPECT_EQ(match(trie, "abcd"), (Ids{6}));
  EXPECT_EQ(match(trie, "abcdec"), (Ids{}));  // after abcd, "ec" has no piece: no way back to ab
  EXPECT_EQ(match(trie, "abc"), (Ids{5, 7}));
  EXPECT_EQ(match(trie, "abcde"), (Ids{}));
  EXPECT_EQ(match(trie, "abcdde"), (Ids{6, 9}));
  EXPECT_EQ(match(trie, "abccdefc"), (Ids{5, 7, 10, 7}));
  EXPECT_EQ(match(trie, "c"), (Ids{}));
  EXPECT_EQ(match(trie, "ba"), (Ids{}));
}

// Against a search through the vocabulary, with few letters so that tokens overlap a lot.
TEST(PieceTrie, AgreesWithSearch) {
  Random random(5);
  for (const uint64_t letters : {2, 5, 250}) {
    const auto random_word = [&](uint64_t size) {
      std::string word;
      for (uint64_t i = 0; i < size; ++i) {
        // U+0100..: two bytes a letter
        const uint64_t letter = random.below(letters);
        word += static_cast<char>(0xC4 + letter / 64);
        word += static_cast<char>(0x80 + letter % 64);
      }
      return word;
    };
    std::string text = kSpecials;
    for (int i = 0; i < 3000; ++i) {
      text += (random.below(2) == 0 ? "##" : "") + random_word(1 + random.below(6)) + "\n";
    }
    const auto vocabulary = Vocabulary::from_text(text, "test");
    const PieceTrie trie(vocabulary, 5);
    const WordTable table(vocabulary);
    int matched = 0;
    for (int i = 0; i < 3000; ++i) {
      const std::string word = random_word(1 + random.below(8));
      std::vector<int32_t> expected;
      for (size_t begin = 0; begin < word.size();) {
        size_t size = std::min<size_t>(word.size() - begin, 10);
        std::optional<int32_t> id;
        for (; size > 0; --size) {
          id = vocabulary.find((begin > 0 ? "##" : "") + word.substr(begin, size));
          if (id) break;
        }
        if (!id) {
          expected.clear();
          break;
        }
        expected.push_back(*id);
        begin += size;
      }
      ASSERT_EQ(match(trie, word), expected);
      matched += !expected.empty();
      ASSERT_EQ(table.find(WordKey::of(word.data(), word.size())),
                vocabulary.find(word).value_or(WordTable::kMissing));
    }
    EXPECT_GT(matched, 20);
  }
}

TEST(WordTable, LeavesOutWhatIsNoWord) {
  const auto vocabulary = Vocabulary::from_text(
      kSpecials + "sixteenletters16\nseventeenletters1\n##s\n" + std::string("\0\n", 2), "test");
  const WordTable table(vocabulary);
  const auto find = [&](const std::string& word) {
    return table.find(WordKey::of(word.data(), word.size()));
  };
  EXPECT_EQ(find("sixteenletters16"), 4);
  EXPECT_EQ(find("seventeenletters"), WordTable::kMissing);
  EXPECT_EQ(find("##s"), WordTable::kMissing);
  EXPECT_EQ(find(std::string(1, '\0')), WordTable::kMissing);
}

}  // namespace
}  // namespace pals
