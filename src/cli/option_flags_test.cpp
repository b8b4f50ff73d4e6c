#include "cli/option_flags.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "cli/commands.h"
#include "settings/train_options.h"

namespace pals {
namespace {

// Parses the arguments that follow the command's name.
TrainOptions parse(std::vector<std::string> arguments) {
  TrainOptions options;
  CLI::App app;
  add_options(app, options_of(options));
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  app.parse(arguments);
  return options;
}

// Another value than the row has, within its range.
std::string another(const Option& row) {
  const Json value = row.field.json();
  switch (row.field.type()) {
    case FieldType::kFlag:
      return value == true ? "false" : "true";
    case FieldType::kInteger:
      return concat(value.is_null() ? 1 : value.get<int64_t>() + 1);
    case FieldType::kNumber:
      return value == 0.0 ? "0.5" : concat(value.get<double>() / 2);
    case FieldType::kChoice:
      return row.field.names().front() == value ? row.field.names().back()
                                                : row.field.names().front();
    case FieldType::kText:
      break;
  }
  return "--a=b, \"c\" d";
}

TEST(OptionFlags, EachComesBackThroughAFile) {
  TrainOptions options;
  const OptionList list = options_of(options);
  const Json usual = list.json();
  for (const Option& row : list.rows()) {
    if (row.saved) row.read(another(row));
  }
  const std::string path = testing::TempDir() + "pals_run_" + std::to_string(::getpid()) + ".json";
  write_file_atomically(path, json_text(options_to_json(options)));
  std::vector<std::string> arguments = expand_arguments({"train", "--config", path});
  arguments.erase(arguments.begin());
  const Json back = options_to_json(parse(arguments));
  ::unlink(path.c_str());
  EXPECT_EQ(back, options_to_json(options));
  for (const auto& item : usual.items()) EXPECT_NE(back[item.key()], item.value()) << item.key();
}

TEST(OptionFlags, SwitchesAndValues) {
  EXPECT_FALSE(parse({}).do_lower_case.has_value());
  EXPECT_EQ(parse({"--do_lower_case"}).do_lower_case, true);
  EXPECT_EQ(parse({"--do_lower_case=false"}).do_lower_case, false);
  EXPECT_FALSE(parse({"--save_best_tasks", "0"}).save_best_tasks);
  EXPECT_EQ(parse({"--seed", "1", "--seed=2"}).seed, 2U);
  EXPECT_EQ(parse({"--learning_rate", "2e-5"}).learning_rate, 2e-5);
  EXPECT_THROW(parse({"--freeze=maybe"}), UsageError);
  EXPECT_THROW(parse({"--sample", "random"}), UsageError);
  EXPECT_THROW(parse({"--seed"}), CLI::ParseError);
}

}  // namespace
}  // namespace pals
