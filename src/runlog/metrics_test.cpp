#include "runlog/metrics.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

const std::string kVersionLine = "{\"version\":3}\n";

StepRecord step_of(int64_t step) {
  return {
      .step = step, .task = "rte", .loss = 0.5, .learning_rate = 1e-5, .rows = 32, .tokens = 900};
}

EvaluationRecord evaluation_after(int64_t step) {
  return {.after_step = step,
          .epoch = 1,
          .scores = {0.5,
                     {{"rte", {{"accuracy", 0.5}, {"loss", 0.7}}},
                      {"sts", {{"pearson", std::nullopt}, {"loss", 0.1}}}}}};
}

std::vector<MetricsRecord> read_all(std::string_view bytes) {
  std::vector<MetricsRecord> records;
  MetricsReader reader(bytes);
  MetricsRecord record;
  while (reader.next(record)) {
    records.push_back(record);
    EXPECT_EQ(reader.line(), std::ssize(records));
  }
  return records;
}

class Metrics : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "pals_metrics_" + std::to_string(::getpid());
    fs::remove_all(path_);
  }
  void TearDown() override { fs::remove_all(path_); }
  std::string content() const { return read_file(path_, 1 << 20); }

  // What a writer that goes on at that step says on stderr.
  std::string reopen(int64_t step) const {
    testing::internal::CaptureStderr();
    const MetricsWriter writer(path_, step);
    return testing::internal::GetCapturedStderr();
  }

  std::string path_;
};

TEST_F(Metrics, AreReadAsTheyWereWritten) {
  const SpeedRecord alone{.until_step = 1, .ranks = 1, .steps = 1, .seconds_a_step = 0.25};
  SpeedRecord many = alone;
  many.traffic = {.bytes_a_step = 100.0, .hidden = 0.5};
  StepRecord taught = step_of(1);
  taught.teacher_weight = 0.25;
  {
    MetricsWriter writer(path_, 0);
    writer.write(step_of(0));
    writer.write(taught);
    writer.write(evaluation_after(1));
    writer.write(alone);
    writer.write(many);
  }
  EXPECT_EQ(read_all(content()), (std::vector<MetricsRecord>{VersionRecord{3}, step_of(0), taught,
                                                             evaluation_after(1), alone, many}));
}

StartRecord start_from(int64_t step) {
  return {.from_step = step,
          .time = 1700000000,
          .program = "0.1.0",
          .command = {"pals", "train", "--tasks", "rte"},
          .device = "cpu",
          .precision = "bf16",
          .ranks = 2,
          .threads = 4,
          .total_steps = 600,
          .steps_per_epoch = 300,
          .examples = {{"rte", 2490}},
          .shared = {{"embeddings", 10}, {"layers", 20}},
          .own = {{"rte", {{"adapter", 3}, {"head", 2}}}}};
}

TEST_F(Metrics, SayHowARunBeganAndWhatTimeWentTo) {
  const EpochRecord epoch{.epoch = 2, .at_step = 300, .probabilities = {{"rte", 0.25}}};
  const TimeRecord time{.until_step = 300,
                        .from_step = 0,
                        .wall_seconds = 2.0,
                        .seconds = {{"steps", 1.5}, {"start", 0.5}},
                        .peak_bytes = 1 << 20};
  {
    MetricsWriter writer(path_, 0);
    writer.write(start_from(0));
    writer.write(time);
    writer.write(epoch);
    writer.write(start_from(300));
  }
  EXPECT_EQ(read_all(content()), (std::vector<MetricsRecord>{VersionRecord{3}, start_from(0), time,
                                                             epoch, start_from(300)}));
  // What goes on at step 300 says for itself that it does, and which epoch begins there.
  { const MetricsWriter log(path_, 300); }
  EXPECT_EQ(read_all(content()),
            (std::vector<MetricsRecord>{VersionRecord{3}, start_from(0), time, start_from(300)}));
}

// People add up "rows" over all lines, whatever these are.
TEST(MetricsKeys, OfStepsAreInNoOtherLine) {
  const OrderedJson step = to_json(step_of(0));
  for (const OrderedJson& other :
       {to_json(start_from(0)), to_json(EpochRecord()), to_json(TimeRecord())}) {
    for (const auto& [key, value] : step.items()) EXPECT_FALSE(other.contains(key)) << key;
  }
}

TEST_F(Metrics, GoOnWhereTheCheckpointStands) {
  {
    MetricsWriter log(path_, 0);
    for (int step = 0; step < 4; ++step) log.write(step_of(step));
    log.write(evaluation_after(4));
    log.write(step_of(4));
    log.write(evaluation_after(5));
  }
  const std::string whole = content();
  const std::string until_4 = whole.substr(0, whole.find("{\"step\":4"));
  {
    MetricsWriter log(path_, 4);  // the evaluation after step 4 is part of that checkpoint
    EXPECT_EQ(content(), until_4);
    EXPECT_EQ(log.first_losses(), (std::vector<double>{0.5, 0.5, 0.5, 0.5}));
    log.write(step_of(4));
    log.write(evaluation_after(5));
  }
  EXPECT_EQ(content(), whole);
  { const MetricsWriter log(path_, 5, true); }  // the one after step 5 is made again, no other
  EXPECT_EQ(content(), until_4 + to_json(step_of(4)).dump() + "\n");
  { const MetricsWriter log(path_, 0); }
  EXPECT_EQ(content(), kVersionLine);
}

TEST_F(Metrics, OfTheFirstVersionGoOn) {
  const std::string line = to_json(step_of(0)).dump() + "\n";
  write_file_atomically(path_, line);
  EXPECT_EQ(reopen(1), "");
  EXPECT_EQ(content(), kVersionLine + line);
}

TEST_F(Metrics, OfALaterVersionAreRefused) {
  write_file_atomically(path_, "{\"version\":4}\n");
  EXPECT_THROW(MetricsWriter(path_, 0), Error);
}

TEST_F(Metrics, AnInterruptedLineIsDroppedInSilence) {
  const std::string good = to_json(step_of(0)).dump() + "\n";
  for (const char* rest : {"{\"step\":1,\"lo", "{\"step\":1}"}) {
    write_file_atomically(path_, kVersionLine + good + rest);
    EXPECT_EQ(reopen(5), "");
    EXPECT_EQ(content(), kVersionLine + good) << rest;
  }
}

TEST_F(Metrics, ADamagedLineIsNamedAndDropped) {
  const std::string good = to_json(step_of(0)).dump() + "\n";
  const std::string more = to_json(step_of(1)).dump() + "\n";
  for (const std::string bad : {"{\"step\":1,\"lo", "{\"step\":-1}", "[1]", "", "{\"other\":1}",
                                "{\"step\":1e99,\"task\":\"rte\"}", "\x01\x02"}) {
    write_file_atomically(path_, kVersionLine + good + bad + "\n" + more);
    const std::string shown = reopen(5);
    EXPECT_NE(shown.find("line 3"), std::string::npos) << bad << shown;
    EXPECT_EQ(content(), kVersionLine + good + more) << bad;
  }
  write_file_atomically(path_, std::string(kMaxMetricsLine + 1, ' ') + "\n");
  EXPECT_NE(reopen(0).find("line 1;"), std::string::npos);
}

TEST_F(Metrics, RefuseAFolderInTheirPlace) {
  make_directories(path_);
  EXPECT_THROW(MetricsWriter(path_, 0), Error);
}

TEST(Results, AreReadAsTheyWereWritten) {
  ResultsRecord results;
  EXPECT_EQ(parse_results(Json(to_json(results)), "r"), results);
  results.evaluated = {
      .best = evaluation_after(2).scores, .step = 2, .last = evaluation_after(4).scores};
  results.best_by_task["rte"] = {.step = 4, .score = 0.5, .values = {{"loss", 0.5}}};
  const OrderedJson json = to_json(results);
  EXPECT_EQ(parse_results(Json(json), "r"), results);
  std::vector<std::string> keys;
  for (const auto& item : json.items()) keys.push_back(item.key());
  EXPECT_EQ(keys, (std::vector<std::string>{"version", "average", "tasks", "step", "last",
                                            "best_by_task"}));
  Json first = json;
  first.erase("version");
  EXPECT_EQ(parse_results(first, "r").version, 1);
}

TEST(Results, OfOtherShapesAreErrors) {
  for (const char* text : {"[]", "{\"version\":3}", "{\"version\":\"2\"}", "{\"average\":1}",
                           "{\"average\":1,\"tasks\":{\"a\":1},\"step\":1}",
                           "{\"average\":1,\"tasks\":{\"a\":{\"x\":\"y\"}},\"step\":1}",
                           "{\"best_by_task\":1}", "{\"best_by_task\":{\"a\":{}}}"}) {
    try {
      parse_results(Json::parse(text), "results.json");
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("results.json")) << error.what();
    }
  }
}

}  // namespace
}  // namespace pals
