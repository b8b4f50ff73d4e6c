#include "settings/recipe_flags.h"

#include "base/error.h"
#include "settings/train_options.h"

namespace pals {
namespace {

// What to do about --polish_epochs where nobody has given it.
const char* by_recipe(const TrainOptions& options) {
  return options.recipe == Recipe::kReference ? ""
                                              : " (--recipe sets it; --polish_epochs 0 does not)";
}

}  // namespace

std::vector<Option> recipe_options(RecipeFlags& flags) {
  return {
      {.name = "sample_alpha",
       .field = flags.sample_alpha,
       .range = between(0, 1),
       .help = "of `--sample temperature` and `auto`: odds are min(rows, cap)^alpha, 0 even, 1 by "
               "rows; "
               "default: 0.5",
       .more = " ([sampling](training.md#sampling))"},
      {.name = "sample_cap",
       .field = flags.sample_cap,
       .range = kPositive,
       .help = "of the same: a task's rows beyond so many do not count; default: "
               "all do"},
      {.name = "min_share",
       .field = flags.min_share,
       .range = {.least = 0.0, .most = 1.0, .open_end = true},
       .help = "no task gets a smaller share of the steps, on average; whatever `--sample`"},
      {.name = "adapter_learning_rate",
       .aliases = {"adapter_lr"},
       .field = flags.adapter_learning_rate,
       .range = kAboveZero,
       .help = "the highest rate of the tasks' adapters; default: that of `--learning_rate`",
       .more = " ([more](recipes.md#learning-rates))"},
      {.name = "head_learning_rate",
       .aliases = {"head_lr"},
       .field = flags.head_learning_rate,
       .range = kAboveZero,
       .help = "the same of the tasks' heads, and of their own poolers"},
      {.name = "layer_decay",
       .field = flags.layer_decay,
       .range = {.least = 0.0, .most = 1.0, .open = true},
       .help = "each layer of the shared encoder learns at so many times the rate of the one "
               "above it, embeddings below the first; 1: all alike"},
      {.name = "ema",
       .field = flags.ema,
       .range = {.least = 0.0, .most = 1.0, .open_end = true},
       .help = "decay of an exponential average of the weights, which is evaluated and saved in "
               "their place, such as 0.999; 0: none",
       .more = " ([more](recipes.md#averaged-weights))"},
      {.name = "polish_epochs",
       .field = flags.polish_epochs,
       .range = kNotNegative,
       .help =
           "passes over all tasks' rows in a second phase, in which the shared part stays as it "
           "is and only what is the tasks' own trains",
       .more = " ([more](recipes.md#a-second-phase))"}};
}

void check_recipe(const TrainOptions& options) {
  const bool of_temperature = options.sample_alpha || options.sample_cap;
  const bool is_auto = options.sample == Sampling::kAuto;
  if (of_temperature && options.sample != Sampling::kTemperature && !is_auto) {
    fail_usage(options.sample_alpha ? "--sample_alpha" : "--sample_cap",
               " is for --sample temperature or auto",
               options.sample ? "" : ", neither of which is given");
  }
  if (is_auto && options.do_train && !options.do_eval) {
    fail_usage("--sample auto goes by evaluations; give --do_eval too, or another --sample");
  }
  teachers_of(options);
  if (options.layer_decay < 1.0 && options.freeze_all) {
    fail_usage("--layer_decay is of the shared encoder, which --freeze_all leaves as it is");
  }
  if (options.polish_epochs == 0) return;
  if (options.freeze_all) {
    fail_usage("--polish_epochs trains as --freeze_all does, which is given: all epochs are such",
               by_recipe(options));
  }
  if (options.early_stopping > 0) {
    fail_usage("--early_stopping and --polish_epochs are given; a run that ends early has no ",
               "second phase", by_recipe(options));
  }
}

}  // namespace pals
