#include "text/vocabulary.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace pals {
namespace {

const std::string kSpecials = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";

std::string error_of(const std::string& text) {
  try {
    Vocabulary::from_text(text, "v.txt");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Vocabulary, NumbersItsLines) {
  const auto vocabulary = Vocabulary::from_text(kSpecials + "the\n##s", "v.txt");
  EXPECT_EQ(vocabulary.size(), 6);
  EXPECT_EQ(vocabulary.pad_id(), 0);
  EXPECT_EQ(vocabulary.unk_id(), 1);
  EXPECT_EQ(vocabulary.cls_id(), 2);
  EXPECT_EQ(vocabulary.sep_id(), 3);
  EXPECT_EQ(vocabulary.find("the"), 4);
  EXPECT_EQ(vocabulary.find("##s"), 5);
  EXPECT_EQ(vocabulary.find("s"), std::nullopt);
  EXPECT_EQ(vocabulary.find(""), std::nullopt);
  EXPECT_EQ(vocabulary.token(5), "##s");
}

TEST(Vocabulary, LineEndsAndByteOrderMarkDoNotCount) {
  const auto unix_lines = Vocabulary::from_text(kSpecials + "a\nb\n", "v.txt");
  const auto dos_lines = Vocabulary::from_text(
      "\xEF\xBB\xBF[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\na\r\nb\r\n\r\n", "v.txt");
  EXPECT_EQ(dos_lines.find("b"), 5);
  EXPECT_EQ(dos_lines.size(), unix_lines.size());
  EXPECT_EQ(dos_lines.to_text(), unix_lines.to_text());
  EXPECT_EQ(dos_lines.content_hash(), unix_lines.content_hash());
  EXPECT_NE(Vocabulary::from_text(kSpecials + "a\nc\n", "v.txt").content_hash(),
            unix_lines.content_hash());
}

TEST(Vocabulary, OnlyLineFeedsEndLines) {
  // Google's Chinese vocabulary has U+2028 as a token.
  const auto vocabulary = Vocabulary::from_text(kSpecials + "\u2028\n\nx\n", "v.txt");
  EXPECT_EQ(vocabulary.find("\u2028"), 4);
  EXPECT_EQ(vocabulary.find(""), 5);
  EXPECT_EQ(vocabulary.find("x"), 6);
}

TEST(Vocabulary, LastOfEqualLinesIsFound) {
  const auto vocabulary = Vocabulary::from_text(kSpecials + "a\nb\na\n", "v.txt");
  EXPECT_EQ(vocabulary.find("a"), 6);
  EXPECT_EQ(vocabulary.token(4), "a");
  EXPECT_EQ(vocabulary.size(), 7);
}

TEST(Vocabulary, ErrorsNameTheLine) {
  EXPECT_EQ(error_of(""),
            "v.txt: no [PAD] among 0 tokens; expected a BERT vocabulary with [PAD], [UNK], [CLS] "
            "and [SEP]");
  EXPECT_EQ(error_of("[PAD]\n[CLS]\n[UNK]\n"),
            "v.txt: no [SEP] among 3 tokens; expected a BERT vocabulary with [PAD], [UNK], [CLS] "
            "and [SEP]");
  EXPECT_EQ(error_of(kSpecials + "a\nb\xC3(\n"),
            "v.txt:6: not UTF-8 text; expected a vocabulary, one token a line");
  EXPECT_EQ(error_of(std::string(1'000'001, '\n')),
            "v.txt: 1000001 lines; a vocabulary has at most 1000000");
  EXPECT_EQ(error_of(std::string((16 << 20) + 1, 'x')),
            "v.txt: 16777217 bytes; a vocabulary has at most 16777216");
  EXPECT_THROW(Vocabulary::load("/nowhere/v.txt"), Error);
}

}  // namespace
}  // namespace pals
