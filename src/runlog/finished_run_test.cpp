#include "runlog/finished_run.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "runlog/file_names.h"
#include "runlog/records.h"

namespace pals {
namespace {

TEST(FinishedRun, IsOneWithResultsThatDoNotDenyIt) {
  const std::string folder = testing::TempDir() + concat("pals_finished_run_", ::getpid());
  std::filesystem::remove_all(folder);
  make_directories(folder);
  EXPECT_FALSE(is_finished_run(folder));
  const auto is_finished_with = [&](const std::string& text) {
    write_file_atomically(folder + kResultsName, text);
    return is_finished_run(folder);
  };
  ResultsRecord results;
  EXPECT_TRUE(is_finished_with(json_text(to_json(results))));
  results.finished = false;
  EXPECT_FALSE(is_finished_with(json_text(to_json(results))));
  EXPECT_EQ(parse_results(Json(to_json(results)), "results"), results);
  EXPECT_TRUE(is_finished_with("{"));
  EXPECT_THROW(parse_results({{"version", 2}, {"finished", 1}}, "results"), Error);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace pals
