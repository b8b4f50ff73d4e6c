#include "settings/transfer_options.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace pals {
namespace {

TEST(TransferOptions, TakeTheFlagsOfOneRun) {
  TransferOptions options;
  const OptionList own = options_of(options), of_runs = train_options_of(options);
  const auto has = [](const OptionList& list, const char* name) {
    return std::ranges::find(list.rows(), name, &Option::name) != list.rows().end();
  };
  for (const Option& row : of_runs.rows()) {
    EXPECT_TRUE(row.hidden) << row.name;
    EXPECT_FALSE(has(own, row.name.c_str())) << row.name;
  }
  for (const char* name : {"tasks", "seed", "learning_rate", "adapter"}) {
    EXPECT_TRUE(has(of_runs, name)) << name;
  }
  for (const char* name : {"nproc", "overwrite_output_dir", "output_dir", "json"}) {
    EXPECT_FALSE(has(of_runs, name)) << name;
  }
}

TEST(TransferOptions, ABudgetIsANumberOfMinutes) {
  TransferOptions options;
  options.output_dir = "runs";
  const OptionList list = options_of(options);
  EXPECT_NO_THROW(list.check());
  options.budget_minutes = 0.0;
  EXPECT_THROW(list.check(), UsageError);
  options.budget_minutes = 0.5;
  EXPECT_NO_THROW(list.check());
  options.max_seeds = 0;
  EXPECT_THROW(list.check(), UsageError);
}

TEST(TransferOptions, TheSameRunsMayBeGoneOnWithElsewhere) {
  TransferOptions one, other;
  one.train.output_dir = "a";
  other.budget_minutes = 3.0;
  other.gradient_batches = 2;
  other.train.threads = 2;
  EXPECT_TRUE(differing_options(common_options(one), common_options(other)).empty());
  other.train.seed = 7;
  EXPECT_EQ(differing_options(common_options(one), common_options(other)),
            std::vector<std::string>{"seed"});
}

}  // namespace
}  // namespace pals
