#include "cli/habits.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

struct Habit {
  const char* typed;
  const char* meant;
};

constexpr auto kCommands = std::to_array<Habit>({{"help", "--help"},
                                                 {"version", "--version"},
                                                 {"evaluate", "eval"},
                                                 {"test", "eval"},
                                                 {"score", "eval"},
                                                 {"finetune", "train"},
                                                 {"fit", "train"},
                                                 {"inference", "predict"},
                                                 {"embed", "features"},
                                                 {"benchmark", "bench"}});

// Several rows of a flag: all that the command has.
constexpr auto kFlags = std::to_array<Habit>({{"--model", "--init_checkpoint"},
                                              {"--checkpoint", "--init_checkpoint"},
                                              {"--checkpoint", "--model"},
                                              {"--output", "--output_dir"},
                                              {"--out", "--output"},
                                              {"--out", "--output_dir"},
                                              {"--data", "--task_file"},
                                              {"--data", "--data_dir"},
                                              {"--warmup_steps", "--warmup_proportion"},
                                              {"--task", "--tasks"}});

}  // namespace

bool is_command(const std::string& text, const std::vector<Command>& commands) {
  return std::ranges::any_of(commands,
                             [&](const Command& one) { return one.app->check_name(text); });
}

std::string command_habit(const std::vector<std::string>& arguments,
                          const std::vector<Command>& commands) {
  const auto* const habit = std::ranges::find_if(
      kCommands, [&](const Habit& one) { return arguments.front() == one.typed; });
  if (habit == kCommands.end()) return {};
  std::string meant = habit->meant;
  if (meant == "--help" && arguments.size() > 1 && is_command(arguments[1], commands)) {
    meant = concat(arguments[1], " --help");
  }
  return concat("; did you mean `pals ", meant, "`?");
}

std::string flag_habit(const CLI::App& app, const std::string& flag) {
  if (flag == "--weight_decay" && app.get_option_no_throw("--learning_rate") != nullptr) {
    return "; weight decay is fixed at 0.01";
  }
  std::vector<std::string> meant;
  for (const Habit& habit : kFlags) {
    if (flag != habit.typed || app.get_option_no_throw(habit.meant) == nullptr) continue;
    meant.push_back(quote(habit.meant));
  }
  return meant.empty() ? "" : concat("; did you mean ", join(meant, " or "), "?");
}

}  // namespace pals
