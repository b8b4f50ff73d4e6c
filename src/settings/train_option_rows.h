// The rows of `pals train`'s options, by heading; other commands take some of them.
#pragma once

#include "settings/train_options.h"

namespace pals {

void add_data(OptionList& list, TrainOptions& o);
void add_span(OptionList& list, SpanOptions& o);
void add_model(OptionList& list, TrainOptions& o);
void add_training(OptionList& list, TrainOptions& o);
void add_recipe(OptionList& list, TrainOptions& o);
void add_run(OptionList& list, TrainOptions& o);
void add_processes(OptionList& list, TrainOptions& o);

}  // namespace pals
