// The end of every command that trains.
#pragma once

#include <stop_token>

#include "settings/train_options.h"

namespace pals {

/// Trains, in as many processes as the options ask for, and prints the scores: the exit code.
int run_training(const TrainOptions& options, const std::stop_token& stop);

}  // namespace pals
