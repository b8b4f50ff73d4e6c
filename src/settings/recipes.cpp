#include "settings/recipes.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

// What the literature suggests for several tasks on one BERT (docs/recipes.md has the sources).
// A row that is changed here is changed there, too.
constexpr RecipeDefault kBest[] = {{"bias_correction", "true"},
                                   {"sample", "anneal"},
                                   {"adapter_learning_rate", "3e-4"},
                                   {"head_learning_rate", "3e-4"},
                                   {"polish_epochs", "1"}};

}  // namespace

std::span<const RecipeDefault> defaults_of(Recipe recipe) {
  if (recipe == Recipe::kBest) return kBest;
  return {};
}

void apply_recipe(Recipe recipe, const OptionList& list) {
  for (const RecipeDefault& row : defaults_of(recipe)) {
    const auto option = std::ranges::find(list.rows(), row.option, &Option::name);
    if (option != list.rows().end()) option->read(row.value);
  }
}

std::string recipe_text(const TrainOptions& options) {
  if (options.recipe == Recipe::kReference) return "";
  TrainOptions defaults;
  apply_recipe(options.recipe, options_of(defaults));
  const Json of_recipe = options_to_json(defaults), now = options_to_json(options);
  std::vector<std::string> kept, given;
  for (const RecipeDefault& row : defaults_of(options.recipe)) {
    const Json value = now.value(row.option, Json());
    const bool is_kept = value == of_recipe.value(row.option, Json());
    const std::string text = value.is_null()     ? "none"
                             : value.is_string() ? value.get<std::string>()
                                                 : json_text(value, -1);
    (is_kept ? kept : given).push_back(concat(row.option, " ", text));
  }
  return concat(
      "--recipe ", name_of(options.recipe), ": ", join(kept, ", "),
      given.empty() ? "" : concat(kept.empty() ? "" : "; ", "given: ", join(given, ", ")));
}

}  // namespace pals
