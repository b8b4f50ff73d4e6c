#include "settings/shared.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "options/help.h"
#include "settings/tool_options.h"
#include "settings/train_options.h"
#include "settings/use_options.h"

namespace pals {
namespace {

// What a flag tells its user, but for the default.
std::string description(const Option& row) {
  return help_text(row) + "|" + row.allowed() + "|" +
         std::to_string(static_cast<int>(row.field.type()));
}

// All commands' rows by name.
std::map<std::string, std::vector<std::string>> all_rows() {
  std::map<std::string, std::vector<std::string>> rows;
  const auto add = [&](auto options) {
    const OptionList list = options_of(options);
    for (const Option& row : list.rows()) rows[row.name].push_back(description(row));
  };
  add(TrainOptions());
  add(EvalOptions());
  add(PredictOptions());
  add(FeaturesOptions());
  add(SubmitOptions());
  add(ConvertFlags());
  add(BenchFlags());
  add(InfoOptions());
  return rows;
}

// The same name means the same in each command, but for these, of which each command has its own.
TEST(SharedOptions, AreTheSameInEachCommand) {
  const std::set<std::string> own = {"output", "output_dir", "format", "task", "tasks", "kind"};
  // Of `bench`: sizes alone count of the model, and it takes several precisions. Of `predict`: the
  // same as --format jsonl.
  const std::map<std::string, size_t> exceptions = {{"model", 1}, {"precision", 1}, {"json", 1}};
  int shared = 0;
  for (const auto& [name, descriptions] : all_rows()) {
    if (own.contains(name) || descriptions.size() == 1) continue;
    const std::set<std::string> distinct(descriptions.begin(), descriptions.end());
    const auto it = exceptions.find(name);
    EXPECT_EQ(distinct.size(), 1 + (it == exceptions.end() ? 0 : it->second)) << name;
    ++shared;
  }
  EXPECT_GT(shared, 15);
}

}  // namespace
}  // namespace pals
