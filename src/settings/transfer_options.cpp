#include "settings/transfer_options.h"

#include "settings/shared.h"

namespace pals {

OptionList options_of(TransferOptions& o) {
  OptionList list;
  list.add(
      "Transfer",
      {{.name = "budget_minutes",
        .field = o.budget_minutes,
        .range = kAboveZero,
        .help = "minutes that this call may take: a further seed begins only if it fits what is "
                "left",
        .more = "; if not even the first one fits, nothing runs. Needed"},
       {.name = "max_seeds",
        .field = o.max_seeds,
        .range = kPositive,
        .help = "at most so many seeds: `--seed` and those that follow"},
       {.name = "gradient_batches",
        .field = o.gradient_batches,
        .range = kNotNegative,
        .help = "training batches of each task whose mean gradients are compared; 0: none"},
       {.name = "output_dir",
        .field = o.output_dir,
        .help = "the folder of the runs, `joint-SEED` and `alone-TASK-SEED`, and of "
                "`transfer.html`; what is finished there is not run again",
        .needed = true},
       json_option(o.json),
       config_option()});
  return list;
}

OptionList train_options_of(TransferOptions& o) { return options_of_runs(o.train, options_of(o)); }

Json common_options(const TransferOptions& options) {
  Json json = options_to_json(options.train);
  json.erase("output_dir");
  return json;
}

}  // namespace pals
