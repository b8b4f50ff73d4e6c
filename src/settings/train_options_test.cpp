#include "settings/train_options.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/error.h"

namespace pals {
namespace {

TrainOptions usual() {
  TrainOptions options;
  options.output_dir = "run";
  return options;
}

TrainOptions read_all(const Json& json) {
  TrainOptions options;
  const OptionList list = options_of(options);
  for (const Option& row : list.rows()) {
    const auto it = json.find(row.name);
    if (it == json.end() || *it == "") continue;  // as --config does
    row.read(it->is_string() ? it->get<std::string>() : it->dump());
  }
  return options;
}

TEST(TrainOptions, OlderRunsAreReadAndWrittenAsTheyWere) {
  const Json saved = read_json(PALS_SOURCE_DIR "/tests/data/012c666/run/run_config.json");
  const TrainOptions options = read_all(saved);
  EXPECT_EQ(options.precision, PrecisionChoice::kFloat);
  EXPECT_EQ(options.max_steps, 40);
  EXPECT_EQ(options.do_lower_case, true);
  const Json now = options_to_json(options);  // with options that are younger than the run
  for (const auto& [name, value] : saved.items()) {
    EXPECT_EQ(now.value(name, Json("")), value) << name;
  }
  EXPECT_EQ(differing_options(saved, options_to_json(options)), std::vector<std::string>());
}

TEST(TrainOptions, EachRowIsWellFormed) {
  TrainOptions options;
  const OptionList list = options_of(options);
  std::set<std::string> names;
  for (const Option& row : list.rows()) {
    EXPECT_FALSE(row.help.empty()) << row.name;
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    for (const std::string& alias : row.aliases) EXPECT_TRUE(names.insert(alias).second) << alias;
  }
  EXPECT_EQ(options_to_json(options).contains("overwrite_output_dir"), false);
}

TEST(TrainOptions, EachRangeHolds) {
  TrainOptions options = usual();
  const OptionList list = options_of(options);
  EXPECT_NO_THROW(list.check());
  int ranges = 0;
  for (const Option& row : list.rows()) {
    const std::string usual_text = row.field.json().is_null() ? "1" : row.field.json().dump();
    const auto refused = [&](double value) {
      const bool whole = row.field.type() == FieldType::kInteger;
      row.read(whole ? concat(static_cast<int64_t>(value)) : concat(value));
      EXPECT_THROW(list.check(), UsageError) << row.name << " " << value;
      ++ranges;
    };
    if (std::isfinite(row.range.least)) refused(row.range.least - (row.range.open ? 0 : 1));
    if (std::isfinite(row.range.most))
      refused(row.range.open_end ? row.range.most : row.range.most * 2);
    if (row.field.type() == FieldType::kInteger || row.field.type() == FieldType::kNumber) {
      row.read(usual_text);
      EXPECT_NO_THROW(list.check()) << row.name;
    }
    if (row.field.type() == FieldType::kChoice) {
      EXPECT_THROW(row.read("other"), UsageError);
    }
  }
  EXPECT_GT(ranges, 30);
}

TEST(TrainOptions, FlagsThatNoTaskSeesAreRefused) {
  TrainOptions options = usual();
  options.span.doc_stride = 64;
  EXPECT_THROW(check_options(options), UsageError);
  options.kind = TaskKind::kMultipleChoice;
  EXPECT_THROW(check_options(options), UsageError);
  options.kind = TaskKind::kSpan;
  options.task_name = "mine";
  EXPECT_NO_THROW(check_options(options));
  options.span = {};
  options.kind.reset();
  EXPECT_THROW(check_options(options), UsageError);
}

TEST(TrainOptions, OddsOfATemperatureAreForItAlone) {
  for (const bool is_cap : {false, true}) {
    TrainOptions options = usual();
    if (is_cap) {
      options.sample_cap = 1000;
    } else {
      options.sample_alpha = 0.3;
    }
    EXPECT_THROW(check_options(options), UsageError);
    options.sample = Sampling::kSquareRoot;
    EXPECT_THROW(check_options(options), UsageError);
    options.sample = Sampling::kTemperature;
    EXPECT_NO_THROW(check_options(options));
    options.sample = Sampling::kAuto;
    EXPECT_NO_THROW(check_options(options));
  }
}

TEST(TrainOptions, AutomaticOddsNeedEvaluations) {
  TrainOptions options = usual();
  options.sample = Sampling::kAuto;
  options.do_train = true;
  EXPECT_THROW(check_options(options), UsageError);
  options.do_eval = true;
  EXPECT_NO_THROW(check_options(options));
}

TEST(TrainOptions, LayersDecayWhereTheyTrain) {
  TrainOptions options = usual();
  options.layer_decay = 0.9;
  EXPECT_NO_THROW(check_options(options));
  options.freeze_all = true;
  EXPECT_THROW(check_options(options), UsageError);
}

TEST(TrainOptions, ASecondPhaseFollowsUponAFirstOne) {
  TrainOptions options = usual();
  options.polish_epochs = 2;
  EXPECT_NO_THROW(check_options(options));
  options.freeze = true;
  EXPECT_NO_THROW(check_options(options));
  options.early_stopping = 1;
  EXPECT_THROW(check_options(options), UsageError);
  options.early_stopping = 0;
  options.freeze = false;
  options.freeze_all = true;
  EXPECT_THROW(check_options(options), UsageError);
}

TEST(TrainOptions, PartsMakeUpABatch) {
  TrainOptions options = usual();
  EXPECT_NO_THROW(check_options(options));
  options.gradient_accumulation_steps = 5;
  EXPECT_THROW(check_options(options), UsageError);
  options.train_batch_size = 30;
  EXPECT_NO_THROW(check_options(options));
  options.output_dir = "";
  EXPECT_THROW(check_options(options), UsageError);
}

TEST(DifferingOptions, NamesWhatChangesTheResult) {
  TrainOptions options;
  const Json saved = options_to_json(options);
  EXPECT_TRUE(differing_options(saved, options_to_json(options)).empty());
  options.threads = 3;
  options.save_checkpoints_steps = 7;
  options.output_dir = "elsewhere";
  options.overwrite_output_dir = true;
  EXPECT_TRUE(differing_options(saved, options_to_json(options)).empty());
  options.seed = 1;
  options.adapter = "pals";
  EXPECT_EQ(differing_options(saved, options_to_json(options)),
            (std::vector<std::string>{"adapter", "seed"}));
}

TEST(DifferingOptions, SeesWhatOnlyOneSideHas) {
  TrainOptions with, without;
  with.task_id = 3;
  const std::vector<std::string> expected = {"task_id"};
  EXPECT_EQ(differing_options(options_to_json(with), options_to_json(without)), expected);
  EXPECT_EQ(differing_options(options_to_json(without), options_to_json(with)), expected);
}

// As they were listed one by one in 012c666.
TEST(DifferingOptions, WhatMayDifferIsWhatItWas) {
  const std::set<std::string> of_each_rank = {"cache_dir", "data_dir", "output_dir", "device",
                                              "threads",   "json",     "no_cuda",    "local_rank",
                                              "nproc",     "recompute"};
  std::set<std::string> free = of_each_rank;
  free.merge(std::set<std::string>{"save_checkpoints_steps", "keep_checkpoints", "eval_batch_size",
                                   "no_graphs", "shard_optimizer", "save_best_tasks",
                                   "early_stopping", "early_stopping_by", "report_to"});
  TrainOptions options;
  std::set<std::string> ranks, resumed;
  const OptionList list = options_of(options);
  for (const Option& row : list.rows()) {
    if (row.may_differ == MayDiffer::kAmongRanks) ranks.insert(row.name);
    if (row.may_differ != MayDiffer::kNowhere) resumed.insert(row.name);
  }
  EXPECT_EQ(ranks, of_each_rank);
  EXPECT_EQ(resumed, free);
}

}  // namespace
}  // namespace pals
