#include "cli/option_flags.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "cli/commands.h"
#include "settings/serve_options.h"
#include "settings/tool_options.h"
#include "settings/train_options.h"
#include "settings/use_options.h"

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
      return value.is_null() || value == 0.0 ? "0.5" : concat(value.get<double>() / 2);
    case FieldType::kChoice:
      if (row.field.names().back() == "cuda:NUMBER") return "cuda:1";
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

int status_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "pals");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  testing::internal::CaptureStderr();
  const int status = run_program(static_cast<int>(argv.size()), argv.data());
  const std::string message = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 1) << message;
  EXPECT_NE(message.find(arguments[2].substr(0, arguments[2].find('='))), std::string::npos)
      << message;
  return status;
}

// Values that an option does not take.
std::vector<std::string> wrong_values(const Option& row) {
  std::vector<std::string> wrong;
  const auto number = [&](double value) {
    wrong.push_back(row.field.type() == FieldType::kInteger ? concat(static_cast<int64_t>(value))
                                                            : concat(value));
  };
  if (std::isfinite(row.range.least)) number(row.range.least - (row.range.open ? 0 : 1));
  if (std::isfinite(row.range.most)) number(row.range.most * (row.range.open_end ? 1 : 2));
  if (row.field.type() != FieldType::kText) wrong.emplace_back("other");
  return wrong;
}

template <typename Options>
int count_refused(const std::string& command) {
  Options options;
  const OptionList list = options_of(options);
  std::vector<std::string> needed = {command, ""};
  for (const Option& row : list.rows()) {
    if (row.needed) needed.push_back(row.flag() + "=x");
  }
  int count = 0;
  for (const Option& row : list.rows()) {
    for (const std::string& value : wrong_values(row)) {
      needed[1] = row.flag() + "=" + value;
      EXPECT_EQ(status_of(needed), 2) << command << " " << needed[1];
      ++count;
    }
  }
  return count;
}

TEST(OptionFlags, EachWrongValueIsAUsageError) {
  EXPECT_GT(count_refused<TrainOptions>("train"), 60);
  EXPECT_GT(count_refused<EvalOptions>("eval"), 5);
  EXPECT_GT(count_refused<PredictOptions>("predict"), 5);
  EXPECT_GT(count_refused<FeaturesOptions>("features"), 5);
  EXPECT_GT(count_refused<SubmitOptions>("submit"), 5);
  EXPECT_GT(count_refused<BenchFlags>("bench"), 10);
  EXPECT_GT(count_refused<ConvertFlags>("convert"), 5);
  EXPECT_GT(count_refused<InfoOptions>("info"), 0);
  EXPECT_GT(count_refused<ServeOptions>("serve"), 10);
}

TEST(OptionFlags, EachCommandNamesTheNearest) {
  for (const char* command :
       {"train", "eval", "predict", "features", "submit", "bench", "convert", "info", "serve"}) {
    EXPECT_EQ(status_of({command, "--jsno"}), 2) << command;
  }
}

TEST(OptionFlags, SwitchesAndValues) {
  EXPECT_FALSE(parse({}).do_lower_case.has_value());
  EXPECT_EQ(parse({"--do_lower_case"}).do_lower_case, true);
  EXPECT_EQ(parse({"--do_lower_case=false"}).do_lower_case, false);
  EXPECT_FALSE(parse({"--save_best_tasks", "0"}).save_best_tasks);
  EXPECT_EQ(parse({"--seed", "1", "--seed=2"}).seed, 2U);
  EXPECT_EQ(parse({"--learning_rate", "2e-5"}).learning_rate, 2e-5);
  EXPECT_EQ(parse({"--lr", "2e-5"}).learning_rate, 2e-5);
  EXPECT_EQ(parse({"--batch_size=8", "--per_device_train_batch_size", "9"}).train_batch_size, 9);
  EXPECT_EQ(parse({"--train_batch_size=8", "--batch_size", "9"}).train_batch_size, 9);
  EXPECT_THROW(parse({"--freeze=maybe"}), UsageError);
  EXPECT_THROW(parse({"--sample", "random"}), UsageError);
  EXPECT_THROW(parse({"--seed"}), CLI::ParseError);
}

}  // namespace
}  // namespace pals
