// Recipes: sets of defaults that --recipe names.
#pragma once

#include <span>
#include <string>

#include "options/option.h"
#include "settings/train_options.h"

namespace pals {

/// An option, and the value that it has unless it is given.
struct RecipeDefault {
  const char* option;
  const char* value;
};

/// What a recipe sets.
std::span<const RecipeDefault> defaults_of(Recipe recipe);

/// Sets the defaults of a recipe in the options of a list, as far as the list has them, before
/// those that are given are read.
void apply_recipe(Recipe recipe, const OptionList& list);

/// "--recipe best: bias_correction true, ...; given: sample rr": what a run has of its recipe, and
/// what it was told otherwise. Empty for the reference's.
std::string recipe_text(const TrainOptions& options);

}  // namespace pals
