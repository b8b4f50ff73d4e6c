#include "settings/data_options.h"

#include <utility>

#include "settings/shared.h"

namespace pals {
namespace {

constexpr const char* kOptions = "Options";

}  // namespace

OptionList options_of(CheckFlags& o) {
  OptionList list;
  Option checkpoint = init_checkpoint_option(o.init_checkpoint);
  checkpoint.help = "the model that will be trained, by whose vocabulary texts are measured";
  checkpoint.more = "; without it words and punctuation marks are counted";
  list.add(
      kOptions,
      {std::move(checkpoint), vocab_file_option(o.vocab_file), lower_case_option(o.do_lower_case),
       special_tokens_option(o.special_tokens_in_text), max_seq_length_option(o.max_seq_length),
       threads_option(o.threads), json_option(o.json), config_option()});
  return list;
}

OptionList options_of(InitFlags& o) {
  OptionList list;
  list.add(kOptions, {{.name = "output",
                       .field = o.output,
                       .help = "the task file; paths in it are relative to its folder",
                       .needed = true},
                      {.name = "overwrite",
                       .field = o.overwrite,
                       .help = "put it in place of a file that is there"},
                      {.name = "dev_fraction",
                       .field = o.dev_fraction,
                       .range = between(0.0, 0.5),
                       .help = "share of the rows that become the dev file of a task without one; "
                               "0: none",
                       .more = " ([above](#a-dev-file-split-off))"},
                      {.name = "seed", .field = o.seed, .help = "of which rows these are"},
                      config_option()});
  return list;
}

}  // namespace pals
