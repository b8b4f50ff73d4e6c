// Opens the texts that flags name, for the commands that work on texts.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "predict/text_input.h"
#include "settings/use_options.h"

namespace pals {

/// What the input must hold for the tasks that are asked.
struct InputNeeds {
  std::string span, choice;              ///< a task that needs contexts, and one that needs choices
  bool only_choice = false;              ///< no task is of another kind
  std::optional<DataFile> columns = {};  ///< of a table whose columns no flag names
};

/// What tasks need. The usual columns: question and context for span tasks; those of its own files
/// for multiple choice, or context and choices.
InputNeeds needs_of(const std::vector<const Task*>& tasks);

/// Opens what the flags name. Lines are cut by `rule`, unless the needs ask for another one.
/// UsageError for flags that contradict each other, and for needs that the input cannot fulfil.
std::unique_ptr<TextInput> open_input(const InputFlags& flags, LineRule rule,
                                      const InputNeeds& needs, const std::stop_token& stop);

}  // namespace pals
