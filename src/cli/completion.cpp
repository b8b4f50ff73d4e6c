#include "cli/completion.h"

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

std::string reply(const std::string& words) {
  return concat("COMPREPLY=($(compgen ", words, R"( -- "$word")))");
}

// What the flag before the cursor may be followed by, where that is a few names.
std::string value_cases(const Command& command) {
  std::string cases;
  for (const Option& option : command.options.rows()) {
    const std::vector<std::string>& names =
        option.suggestions.empty() ? option.field.names() : option.suggestions;
    if (names.empty()) continue;
    cases += concat("    \"", command.app->get_name(), " ", option.flag(), "\") ",
                    reply(concat("-W \"", join(names, " "), "\"")), "; return ;;\n");
  }
  return cases;
}

std::string flags_case(const Command& command) {
  std::vector<std::string> flags = {"--help"};
  for (const Option& option : command.options.rows()) {
    if (!option.hidden) flags.push_back(option.flag());
  }
  return concat("    ", command.app->get_name(), ") flags=\"", join(flags, " "), "\" ;;\n");
}

}  // namespace

std::string bash_completion(const std::vector<Command>& commands) {
  std::string names, values, flags;
  for (const Command& command : commands) {
    names += (names.empty() ? "" : " ") + command.app->get_name();
    values += value_cases(command);
    flags += flags_case(command);
  }
  names += " man completion";
  return concat("_pals() {\n", "  local word=${COMP_WORDS[COMP_CWORD]} flags=\n",
                "  if [ \"$COMP_CWORD\" = 1 ]; then ", reply(concat("-W \"", names, "\"")),
                "; return; fi\n", "  case \"${COMP_WORDS[1]} ${COMP_WORDS[COMP_CWORD - 1]}\" in\n",
                values, "  esac\n", "  case ${COMP_WORDS[1]} in\n", flags, "  esac\n",
                "  case $word in\n    -*) ", reply("-W \"$flags\""), " ;;\n    *) ", reply("-f"),
                " ;;\n  esac\n}\ncomplete -o filenames -F _pals pals\n");
}

}  // namespace pals
