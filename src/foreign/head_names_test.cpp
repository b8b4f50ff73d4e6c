// Other packages' names of heads, and the kinds of tasks behind them.
#include "foreign/head_names.h"

#include <gtest/gtest.h>

#include <string>

namespace pals {
namespace {

TEST(HeadNames, ListsAreInWords) {
  EXPECT_EQ(list_heads(&HeadNames::peft, "or"), "SEQ_CLS, TOKEN_CLS or QUESTION_ANS");
  EXPECT_EQ(list_heads(&HeadNames::model_class, "and", "BertAdapterModel"),
            "BertAdapterModel, BertForSequenceClassification and BertForTokenClassification");
}

TEST(HeadNames, UnknownNamesHaveNoHead) {
  for (const char* name : {"", "seq_cls", "CAUSAL_LM", "classification "}) {
    EXPECT_EQ(find_head(&HeadNames::peft, name), nullptr) << name;
    EXPECT_EQ(find_head(&HeadNames::model_class, name), nullptr) << name;
  }
  EXPECT_EQ(find_head(&HeadNames::hub, "causal_lm"), nullptr);
}

TEST(HeadNames, OneOutputIsAValue) {
  EXPECT_EQ(kind_with_head(ForeignHead::kClasses, 0), TaskKind::kClassification);
  EXPECT_EQ(kind_with_head(ForeignHead::kClasses, 1), TaskKind::kRegression);
  EXPECT_EQ(kind_with_head(ForeignHead::kClasses, 2), TaskKind::kClassification);
  EXPECT_EQ(kind_with_head(ForeignHead::kLabelSet, 1), TaskKind::kMultiLabel);
  EXPECT_EQ(kind_with_head(ForeignHead::kTags, 1), TaskKind::kTagging);
}

// A name leads to a kind whose head has that name, and reads the same outputs.
TEST(HeadNames, NamesLeadBack) {
  for (const Name<TaskKind>& row : kTaskKinds) {
    const HeadNames& names = head_names(row.value);
    for (const PackageNames package :
         {&HeadNames::peft, &HeadNames::hub, &HeadNames::model_class}) {
      if (names.*package == nullptr) continue;
      const HeadNames* found = find_head(package, names.*package);
      ASSERT_NE(found, nullptr) << row.text;
      for (const int64_t outputs : {1, 3}) {
        const TaskKind kind = kind_with_head(found->head, outputs);
        EXPECT_STREQ(head_names(kind).*package, names.*package) << row.text;
        EXPECT_EQ(kind_of(kind).head().reads_tokens, kind_of(row.value).head().reads_tokens);
        EXPECT_STREQ(kind_of(kind).head().name, kind_of(row.value).head().name) << row.text;
      }
    }
  }
}

}  // namespace
}  // namespace pals
