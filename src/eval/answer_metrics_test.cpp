#include "eval/answer_metrics.h"

#include <gtest/gtest.h>

#include <vector>

namespace pals {
namespace {

// Cases worked out by hand from the official scripts' rules.
TEST(NormalizeAnswer, FollowsTheRules) {
  EXPECT_EQ(normalize_answer("The  Cat's  pajamas!"), "cats pajamas");
  EXPECT_EQ(normalize_answer("a"), "");
  EXPECT_EQ(normalize_answer("An apple, a pear and the rest"), "apple pear and rest");
  EXPECT_EQ(normalize_answer("theatre another anthem"), "theatre another anthem");
  EXPECT_EQ(normalize_answer("A-bomb"), "abomb") << "punctuation goes first";
  EXPECT_EQ(normalize_answer("the\xE2\x80\x93war"), "\xE2\x80\x93war") << "a dash ends a word";
  EXPECT_EQ(normalize_answer("a_b"), "ab") << "the underscore is punctuation";
  EXPECT_EQ(normalize_answer("\xC3\x89t\xC3\xA9"), "\xC3\xA9t\xC3\xA9") << "accents stay";
  EXPECT_EQ(normalize_answer("\xCE\x9F\xCE\xA3"), "\xCE\xBF\xCF\x82") << "final sigma";
  EXPECT_EQ(normalize_answer("x\xC2\xA0y\xE3\x80\x80z\x1C"), "x y z") << "Unicode's white space";
  EXPECT_EQ(normalize_answer("\xC3\xA9"
                             "a the\xC3\xA9"),
            "\xC3\xA9"
            "a the\xC3\xA9");
  EXPECT_EQ(normalize_answer("\xE2\x80\x9Cquoted\xE2\x80\x9D"), "\xE2\x80\x9Cquoted\xE2\x80\x9D")
      << "other than ASCII punctuation stays";
  EXPECT_EQ(normalize_answer(""), "");
}

AnswerScore score(const std::string& answer, const std::vector<std::string>& right,
                  bool unanswerable = false) {
  return score_answer(answer, right, unanswerable);
}

TEST(ScoreAnswer, TakesTheBestOfEachMeasure) {
  const AnswerScore exact = score("the Denver Broncos", {"Broncos", "Denver Broncos."});
  EXPECT_EQ(exact.exact_match, 1.0);
  EXPECT_EQ(exact.f1, 1.0);
  const AnswerScore part = score("Denver Broncos team", {"Broncos", "Denver Colts"});
  EXPECT_EQ(part.exact_match, 0.0);
  EXPECT_DOUBLE_EQ(part.f1, 0.5);  // of one of three and one of one
  EXPECT_DOUBLE_EQ(score("x x y", {"x y y"}).f1, 2.0 / 3.0) << "words count as often as they occur";
  EXPECT_EQ(score("x", {"y"}).f1, 0.0);
}

TEST(ScoreAnswer, EmptyAnswersDifferBetweenTheVersions) {
  EXPECT_EQ(score("", {"x"}).f1, 0.0);
  EXPECT_EQ(score("", {"x"}).exact_match, 0.0);
  // v1.1: nothing is left on both sides: equal, but no word in common.
  EXPECT_EQ(score("the", {"a"}).exact_match, 1.0);
  EXPECT_EQ(score("the", {"a"}).f1, 0.0);
  // v2.0: no right answer means the empty one.
  EXPECT_EQ(score("", {}, true).exact_match, 1.0);
  EXPECT_EQ(score("", {}, true).f1, 1.0);
  EXPECT_EQ(score("x", {}, true).f1, 0.0);
  EXPECT_EQ(score("", {"x"}, true).f1, 0.0);
  EXPECT_EQ(score("", {"the", "x"}, true).f1, 0.0) << "of right answers only x is left";
  EXPECT_EQ(score("", {"the"}, true).f1, 1.0) << "of right answers none is left";
}

}  // namespace
}  // namespace pals
