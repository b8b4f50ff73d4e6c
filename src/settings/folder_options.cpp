#include "settings/folder_options.h"

#include <utility>

#include "settings/shared.h"

namespace pals {
namespace {

constexpr const char* kFolderHeading = "Options";

Option output_option(Field folder) {
  return {.name = "output",
          .field = std::move(folder),
          .help = "the model folder to write; needed",
          .needed = true};
}

Option overwrite_option(Field overwrite) {
  return {.name = "overwrite",
          .field = std::move(overwrite),
          .help = "put the new model folder in place of one that is there"};
}

}  // namespace

OptionList options_of(RemoveTaskOptions& o) {
  OptionList list;
  Option model = model_option(o.model);
  model.needed = true;
  list.add(kFolderHeading, {std::move(model),
                            {.name = "tasks",
                             .field = o.tasks,
                             .help = "names of the tasks to leave out, with commas between; needed",
                             .needed = true},
                            output_option(o.output),
                            overwrite_option(o.overwrite),
                            config_option()});
  return list;
}

OptionList options_of(MergeTasksOptions& o) {
  OptionList list;
  list.add(kFolderHeading,
           {output_option(o.output), overwrite_option(o.overwrite), config_option()});
  return list;
}

}  // namespace pals
