#include "cli/option_flags.h"

#include "options/help.h"

namespace pals {

const char* value_name(const Option& option) {
  switch (option.field.type()) {
    case FieldType::kFlag:
      return "BOOLEAN";
    case FieldType::kInteger:
      return "INT";
    case FieldType::kNumber:
      return "FLOAT";
    case FieldType::kText:
    case FieldType::kChoice:
      break;
  }
  return "TEXT";
}

void add_options(CLI::App& app, const OptionList& options) {
  for (const Option& option : options.rows()) {
    std::string names = option.flag();
    for (const std::string& alias : option.aliases) names += ",--" + alias;
    CLI::Option* added = app.add_option(
        names,
        [option](const CLI::results_t& values) {
          for (const std::string& value : values) option.read(value);
          return true;
        },
        help_text(option));
    added->multi_option_policy(option.field.is_repeated() ? CLI::MultiOptionPolicy::TakeAll
                                                          : CLI::MultiOptionPolicy::TakeLast);
    if (option.is_switch()) {
      added->expected(0);
    } else {
      added->type_name(value_name(option))->default_str(option.value_text());
    }
    if (option.hidden || !option.group.empty()) added->group(option.hidden ? "" : option.group);
  }
}

}  // namespace pals
