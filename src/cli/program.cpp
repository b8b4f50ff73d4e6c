#include <algorithm>
#include <cctype>
#include <chrono>
#include <exception>
#include <iostream>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/signal.h"
#include "base/text_util.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/habits.h"
#include "cli/man_page.h"
#include "cli/outcome.h"
#include "dist/launch.h"
#include "hub/model_name.h"
#include "options/help.h"
#include "settings/recipes.h"
#include "settings/shared.h"

namespace pals {
namespace {

// --some-flag=x -> --some_flag=x; other arguments stay as they are.
std::string with_underscores(std::string argument) {
  if (argument.size() < 3 || !argument.starts_with("--")) return argument;
  const size_t end = std::min(argument.find('='), argument.size());
  std::replace(argument.begin() + 2, argument.begin() + static_cast<int64_t>(end), '-', '_');
  return argument;
}

void append_option(const std::string& key, const Json& value, const std::string& path,
                   std::vector<std::string>& out) {
  const std::string flag = with_underscores("--" + key);
  if (value.is_boolean()) {
    out.push_back(flag + (value.get<bool>() ? "=true" : "=false"));
  } else if (value.is_string()) {
    if (!value.get<std::string>().empty()) out.push_back(flag + "=" + value.get<std::string>());
  } else if (value.is_number()) {
    out.push_back(flag + "=" + value.dump());
  } else if (value.is_array() && std::all_of(value.begin(), value.end(),
                                             [](const Json& item) { return item.is_string(); })) {
    // As on the command line: of a flag that is given again, the last would count alone.
    if (!value.empty()) {
      out.push_back(flag + "=" + join(value.get<std::vector<std::string>>(), ","));
    }
  } else {
    fail_usage(path, ": \"", key, "\" is ", value.dump(),
               ", expected text, a number or true/false");
  }
}

void append_config(const std::string& path, std::vector<std::string>& out) {
  const Json json = read_json(path);
  if (!json.is_object()) fail_usage(path, ": expected a JSON object of options");
  for (const auto& item : json.items()) append_option(item.key(), item.value(), path, out);
}

// The flag that is missing before the name of a file or folder; empty if none comes to mind.
std::string flag_before(const CLI::App& app, const std::string& argument) {
  const auto known = [&](const char* flag) { return app.get_option_no_throw(flag) != nullptr; };
  if (argument.starts_with("-")) return {};
  if (directory_exists(argument) || is_model_name(argument)) {
    for (const char* flag : {"--model", "--init_checkpoint"}) {
      if (known(flag)) return flag;
    }
    return {};
  }
  if (argument.ends_with(".json") && known("--task_file")) return "--task_file";
  return file_exists(argument) && known("--input") ? "--input" : "";
}

// For a list such as `pals, low_rank`, which a blank has cut in two; else empty. `all`: the
// arguments as they were given.
std::string cut_list(const std::string& argument, const std::vector<std::string>& all) {
  const auto at = std::ranges::find(all, argument);
  if (argument.starts_with("-") || at == all.begin() || at == all.end()) return {};
  const std::string& before = *(at - 1);
  if (before.starts_with("-") || (!before.ends_with(",") && !argument.starts_with(","))) return {};
  return concat("the blank before ", quote(argument), " ends the list; write ", before, argument,
                " without a blank, or put the list in quotes");
}

// The nearest flag of the chosen subcommand, for an argument that is none.
std::string unknown_argument(const CLI::App& app, const std::string& argument,
                             const std::vector<std::string>& all) {
  const std::string cut = cut_list(argument, all);
  if (!cut.empty()) return cut;
  const std::string missing = flag_before(app, argument);
  if (!missing.empty()) {
    return concat("`pals ", app.get_name(), "` takes no argument without a flag; did you mean ",
                  missing, " ", argument, "?");
  }
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  const std::string name = argument.substr(0, argument.find('='));
  const std::string habit = flag_habit(app, name);
  return concat("unknown argument ", quote(argument), " of `pals ", app.get_name(), "`",
                habit.empty() ? did_you_mean(name, names) : habit);
}

// A flag before the command that is none of the program's own; else empty.
std::string misplaced_flag(const CLI::App& program, const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  if (!name.starts_with("-") || program.get_option_no_throw(name) != nullptr) return {};
  return concat("unknown argument ", quote(argument), " where a command is expected",
                did_you_mean(name, {"--help", "--version"}),
                " (flags stand behind the command; see `pals --help`)");
}

// A first argument that is no command; empty if there is none or it is an option.
std::string unknown_command(const CLI::App& program, const std::vector<std::string>& arguments,
                            const std::vector<Command>& commands) {
  if (arguments.empty()) return {};
  if (arguments.front().starts_with("-")) return misplaced_flag(program, arguments.front());
  std::vector<std::string> names;
  for (const Command& command : commands) {
    names.push_back(command.app->get_name());
    const std::vector<std::string>& aliases = command.app->get_aliases();
    names.insert(names.end(), aliases.begin(), aliases.end());
  }
  const std::string& given = arguments.front();
  if (std::find(names.begin(), names.end(), given) != names.end()) return {};
  const std::string habit = command_habit(arguments, commands);
  if (!habit.empty()) return concat("unknown command ", quote(given), habit);
  names.insert(names.end(), {"man", "completion"});
  return concat("unknown command ", quote(given), did_you_mean(given, names),
                " (commands: ", join(names, ", "), ")");
}

std::string tables_of(const std::vector<Command>& commands, const std::string& name) {
  for (const Command& command : commands) {
    if (command.app->get_name() == name) return option_tables(name, command.options);
  }
  fail_usage("option_tables: there is no command ", quote(name));
}

// What the commands' descriptions are made into, on request: `pals option_tables COMMAND` (the
// tables of the documentation), `pals completion bash`, `pals man [COMMAND]`. Nothing for other
// arguments.
std::optional<std::string> described(const CLI::App& program, const std::vector<Command>& commands,
                                     const std::vector<std::string>& arguments) {
  if (arguments == std::vector<std::string>{"completion", "bash"}) return bash_completion(commands);
  if (!arguments.empty() && arguments.front() == "completion") {
    fail_usage("completion: expected `pals completion bash`, found ",
               arguments.size() == 1 ? "no shell" : quote(arguments[1]));
  }
  if (arguments == std::vector<std::string>{"man"}) return man_page(program, commands);
  if (arguments.size() < 2) return std::nullopt;
  if (arguments.front() == "man" && arguments.size() > 2) {
    fail_usage("pals man takes one command, or none; found ", arguments.size() - 1);
  }
  if (arguments.front() == "option_tables" && arguments.size() == 2)
    return tables_of(commands, arguments.back());
  if (arguments.front() == "man") return man_page(arguments.back(), commands);
  return std::nullopt;
}

// Puts the defaults of the recipe that the arguments name, the last one if there are several,
// before all flags, which override them: those that the command has.
void insert_recipe(std::vector<std::string>& arguments, const std::vector<Command>& commands) {
  std::string recipe;
  for (size_t i = 1; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument.starts_with("--recipe=")) recipe = argument.substr(argument.find('=') + 1);
    if (argument == "--recipe" && i + 1 < arguments.size()) recipe = arguments[i + 1];
  }
  const auto known = from_name<Recipe>(recipe);
  if (!known) return;  // of others the option's row says what is wrong
  const auto command = std::ranges::find_if(commands, [&](const Command& one) {
    return one.app->get_name() == arguments.front() && one.app->get_option_no_throw("--recipe");
  });
  if (command == commands.end()) return;
  std::vector<std::string> flags;
  for (const RecipeDefault& row : defaults_of(*known)) {
    const std::string flag = concat("--", row.option);
    if (command->app->get_option_no_throw(flag) == nullptr) continue;
    flags.push_back(concat(flag, "=", row.value));
  }
  arguments.insert(arguments.begin() + 1, flags.begin(), flags.end());
}

// A mistake in the arguments is found by every rank of a run before they know each other. The first
// one tells it, and its end is that of all; another one speaks only if the first had no cause to.
void let_first_rank_speak() {
  constexpr std::chrono::seconds kForTheLauncher{2};
  try {
    if (read_launch().rank > 0) std::this_thread::sleep_for(kForTheLauncher);
  } catch (const UsageError&) {  // the environment says nothing usable of ranks
    return;
  }
}

}  // namespace

std::vector<std::string> expand_arguments(const std::vector<std::string>& arguments) {
  std::vector<std::string> from_files, flags;
  size_t i = 0;
  std::vector<std::string> out;
  if (!arguments.empty() && !arguments.front().starts_with("-")) out.push_back(arguments[i++]);
  for (; i < arguments.size(); ++i) {
    const std::string argument = with_underscores(arguments[i]);
    if (argument == "--config") {
      if (i + 1 == arguments.size()) fail_usage("--config needs a file");
      append_config(arguments[++i], from_files);
    } else if (argument.starts_with("--config=")) {
      append_config(argument.substr(9), from_files);
    } else {
      flags.push_back(argument);
    }
  }
  out.insert(out.end(), from_files.begin(), from_files.end());
  out.insert(out.end(), flags.begin(), flags.end());
  return out;
}

int run_program(int argc, char** argv) {
  CLI::App program(
      "Train one BERT for many text tasks, and use it.\n\nFirst steps: scripts/demo.sh; "
      "`pals COMMAND --help` shows examples.",
      "pals");
  program.set_version_flag("--version", concat("pals ", version()));
  program.require_subcommand(1);
  program.footer(
      "`pals man [COMMAND]` prints a manual page, `pals completion bash` the script with which "
      "bash "
      "completes.");
  program.option_defaults()->always_capture_default()->multi_option_policy(
      CLI::MultiOptionPolicy::TakeLast);
  const std::vector<Command> commands = {
      add_train_command(program),       add_eval_command(program),
      add_predict_command(program),     add_convert_command(program),
      add_features_command(program),    add_submit_command(program),
      add_bench_command(program),       add_info_command(program),
      add_serve_command(program),       add_add_task_command(program),
      add_remove_task_command(program), add_merge_tasks_command(program),
      add_check_command(program),       add_init_command(program),
      add_plan_command(program),        add_report_command(program),
      add_compare_command(program),     add_transfer_command(program),
      add_export_command(program)};
  for (const Command& command : commands) command.app->allow_extras();
  bool running = false;
  try {
    std::vector<std::string> arguments =
        expand_arguments(std::vector<std::string>(argv + 1, argv + argc));
    if (const auto text = described(program, commands, arguments)) {
      std::cout << *text;
      return after_output(0);
    }
    const std::string unknown = unknown_command(program, arguments, commands);
    if (!unknown.empty()) return report(unknown, kExitUsage);
    insert_recipe(arguments, commands);
    const std::vector<std::string> given = arguments;
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    program.parse(arguments);
    for (const Command& command : commands) {
      if (!command.app->parsed()) continue;
      const std::vector<std::string> extras = command.app->remaining();
      if (!extras.empty()) {
        let_first_rank_speak();
        return report(unknown_argument(*command.app, extras.front(), given), kExitUsage);
      }
      command.options.check();
      running = true;
      const StopSignals signals;
      fetch_models(command.options);
      return after_output(command.run(signals.token()));
    }
    return kExitUsage;
  } catch (const CLI::CallForHelp& help) {
    return after_output(program.exit(help));
  } catch (const CLI::CallForAllHelp& help) {
    return after_output(program.exit(help));
  } catch (const CLI::CallForVersion& version) {
    return after_output(program.exit(version));
  } catch (const CLI::ParseError& error) {
    const std::string command = argc > 1 && is_command(argv[1], commands) ? argv[1] : "";
    const std::string help = concat(command, command.empty() ? "" : " ", "--help");
    return report(concat(error.what(), " (see `pals ", help, "`)"), kExitUsage);
  } catch (...) {
    if (!running) let_first_rank_speak();
    return report_exception();
  }
}

}  // namespace pals
