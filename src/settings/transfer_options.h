// Everything that `pals transfer` can be told: a training run's options, and how much of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "options/option.h"
#include "settings/train_options.h"

namespace pals {

struct TransferOptions {
  TrainOptions train;  ///< of the joint runs, but for the folder; the first one's seed
  std::optional<double> budget_minutes;
  int64_t max_seeds = 10;
  int64_t gradient_batches = 8;  ///< of each task
  std::string output_dir;        ///< the folder of the runs' folders
  bool json = false;
};

/// One row for each that is not of `train`, which fills `options` (it must outlive the rows).
OptionList options_of(TransferOptions& options);

/// The rows of `train` that the command takes too; hidden in its help.
OptionList train_options_of(TransferOptions& options);

/// What is asked of all runs in a folder, as JSON: whoever goes on there must ask for the same.
Json common_options(const TransferOptions& options);

}  // namespace pals
