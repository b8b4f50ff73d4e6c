// The options that several commands have: one row each, whatever member of whatever struct it
// fills.
#pragma once

#include <string>

#include "options/option.h"

namespace pals {

/// Puts the folder in the place of each model that is named hf://owner/name (hub/fetch.h). For
/// options that were checked.
void fetch_models(const OptionList& options);

Option model_option(Field folder);
Option data_dir_option(Field folder);
Option task_file_option(Field path);
Option cache_dir_option(Field folder);
Option init_checkpoint_option(Field path);
Option bert_config_file_option(Field path);
Option vocab_file_option(Field path);
Option lower_case_option(Field lower_case);
Option special_tokens_option(Field special_tokens);
Option max_seq_length_option(Field tokens);
/// Of what, the help says.
Option kind_option(Field kind, std::string help, std::string more = "");
Option unanswerable_option(Field unanswerable);
Option batch_size_option(Field rows);
Option eval_batch_size_option(Field rows);
Option device_option(Field device);
Option precision_option(Field precision);
Option threads_option(Field threads);
Option json_option(Field json);
Option config_option();  ///< read before the others, and never written
Option no_cuda_option(Field no_cuda);
Option local_rank_option(Field rank);

}  // namespace pals
