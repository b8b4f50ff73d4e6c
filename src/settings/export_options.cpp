#include "settings/export_options.h"

#include "settings/shared.h"

namespace pals {

OptionList options_of(ExportFlags& flags) {
  OptionList list;
  ExportOptions& o = flags.options;
  list.add("Options",
           {{.name = "format",
             .field = o.format,
             .help = "whose files are written; default: onnx where OUT ends in .onnx"},
            {.name = "task",
             .field = o.task,
             .help = "the task that is written; default: the only one, of onnx all, of "
                     "sentence-transformers none, the shared encoder alone"},
            {.name = "pooling",
             .field = o.pooling,
             .help = "of sentence-transformers: how the vectors of tokens become one of a text; "
                     "default: mean"},
            {.name = "normalize",
             .field = o.normalize,
             .help = "of sentence-transformers: scale the vectors of texts to length 1"},
            {.name = "accept_changes",
             .field = o.accept_changes,
             .help = "take the model folder as it is, though it is not what its tasks were trained "
                     "with"},
            {.name = "overwrite",
             .field = o.overwrite,
             .help = "put what is written in place of a model folder at OUT"},
            json_option(flags.json),
            config_option()});
  return list;
}

}  // namespace pals
