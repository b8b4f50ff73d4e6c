#include "base/json_differences.h"

#include <gtest/gtest.h>

namespace pals {
namespace {

using Texts = std::vector<std::string>;

TEST(JsonDifferences, NamesEachValueOldAndNew) {
  const Json old_value = {{"labels", {"no", "yes"}}, {"dev", {{"text_a", "one"}}}, {"scale", 5}};
  EXPECT_EQ(json_differences("task", old_value, old_value), Texts{});
  Json changed = old_value;
  changed["labels"] = {"yes", "no"};
  changed["dev"]["text_a"] = 2;
  changed.erase("scale");
  changed["more"] = true;
  EXPECT_EQ(json_differences("task", old_value, changed),
            (Texts{"task, dev, text_a was \"one\", now \"2\"",
                   "task, labels was \"no, yes\", now \"yes, no\"",
                   "task, more was nothing, now \"true\"", "task, scale was \"5\", now nothing"}));
  EXPECT_EQ(json_differences("", {{"a", 1}}, {{"a", 2}}), Texts{"a was \"1\", now \"2\""});
  EXPECT_EQ(json_differences("a", 1, 2), Texts{"a was \"1\", now \"2\""});
}

TEST(JsonDifferences, LongValuesAreCut) {
  const Texts texts = json_differences("a", std::string(1000, 'x'), std::string(1000, 'y'));
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_LT(texts[0].size(), 100U);
}

TEST(JsonDifferences, OfManyTheFirstAreShown) {
  EXPECT_EQ(some_differences({}), "");
  EXPECT_EQ(some_differences({"a", "b"}), "a; b");
  const std::string text = some_differences(Texts(40, std::string(50, 'x')));
  EXPECT_LT(text.size(), 150U);
  EXPECT_TRUE(text.ends_with("; and 38 more")) << text;
}

}  // namespace
}  // namespace pals
