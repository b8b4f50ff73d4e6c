#include "settings/recipes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace pals {
namespace {

TEST(Recipes, NameOptionsOfTrainingWithValuesThatTheyTake) {
  EXPECT_TRUE(defaults_of(Recipe::kReference).empty());
  TrainOptions options;
  const OptionList list = options_of(options);
  const Json before = options_to_json(options);
  for (const RecipeDefault& row : defaults_of(Recipe::kBest)) {
    EXPECT_NE(std::ranges::find(list.rows(), row.option, &Option::name), list.rows().end())
        << row.option;
  }
  apply_recipe(Recipe::kBest, list);
  const Json after = options_to_json(options);
  for (const RecipeDefault& row : defaults_of(Recipe::kBest)) {
    EXPECT_NE(before.value(row.option, Json()), after.value(row.option, Json())) << row.option;
  }
  options.output_dir = "run";
  options.recipe = Recipe::kBest;
  EXPECT_NO_THROW(check_options(options));
}

TEST(Recipes, LeaveOutWhatAListLacks) {
  TrainOptions options;
  apply_recipe(Recipe::kBest, added_task_options(options));
  EXPECT_TRUE(options.bias_correction);
  EXPECT_EQ(options.polish_epochs, 0);
}

TEST(Recipes, AreSaidWithWhatWasGivenInstead) {
  TrainOptions options;
  EXPECT_EQ(recipe_text(options), "");
  apply_recipe(Recipe::kBest, options_of(options));
  options.recipe = Recipe::kBest;
  EXPECT_EQ(recipe_text(options).find("given"), std::string::npos) << recipe_text(options);
  options.sample = Sampling::kRoundRobin;
  const std::string text = recipe_text(options);
  EXPECT_NE(text.find("--recipe best: bias_correction true"), std::string::npos) << text;
  EXPECT_NE(text.find("; given: sample rr"), std::string::npos) << text;
}

TEST(Teachers, AreReadFromListsAndRepeatedFlags) {
  TrainOptions flags;
  EXPECT_TRUE(teachers_of(flags).empty());
  flags.teachers = {"cola=a/best,rte=b=c", "cola=d"};
  const std::vector<TeacherFlag> found = teachers_of(flags);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].task + " " + found[0].folder, "rte b=c");
  EXPECT_EQ(found[1].task + " " + found[1].folder, "cola d");
  for (const char* wrong : {"", "cola", "=a", "cola=", "cola=a,", ","}) {
    flags.teachers = {wrong};
    EXPECT_THROW(teachers_of(flags), UsageError) << wrong;
  }
}

}  // namespace
}  // namespace pals
