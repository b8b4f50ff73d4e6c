#include "measure/bench.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "base/log.h"
#include "measure/bench_report.h"
#include "measure/products.h"

namespace pals {
namespace {

BenchWork tiny_work(const char* adapter) {
  BenchWork work;
  std::vector<Task> tasks(2);
  tasks[0] = {.name = "a", .labels = {"0", "1"}};
  tasks[1] = {.name = "b", .kind = TaskKind::kRegression};
  BertConfig& bert = work.model.bert;
  bert.vocab_size = 40;
  bert.hidden_size = 24;
  bert.num_hidden_layers = 2;
  bert.num_attention_heads = 4;
  bert.intermediate_size = 40;
  bert.max_position_embeddings = 48;
  work.rows = generate_task_rows(tasks, 40, {.max_seq_length = 48, .rows_per_task = 8});
  work.model.heads = heads_of(work.rows);
  const AdapterConfig chosen{.kind = adapter, .size = 12};
  work.model.adapters.assign(work.model.heads.size(), resolve_adapter(chosen, bert, "test"));
  return work;
}

BenchOptions small_options() {
  return {.batch_size = 4, .batches = 3, .rounds = 2, .precisions = {at::kFloat}};
}

class Bench : public ::testing::Test {
 protected:
  void SetUp() override { set_quiet(true); }
  void TearDown() override { set_quiet(false); }
};

TEST_F(Bench, MeasuresEveryWork) {
  const std::vector<BenchResult> results = run_bench(tiny_work("pals"), small_options());
  std::map<std::string, BenchResult> by_work;
  for (const BenchResult& result : results) by_work[result.work] = result;
  ASSERT_EQ(results.size(), 7U);
  ASSERT_EQ(by_work.size(), 7U);
  const int64_t tokens = by_work.at("train").tokens;
  EXPECT_GT(tokens, 12 * 3);
  for (const BenchResult& result : results) {
    EXPECT_EQ(result.precision, "fp32");
    EXPECT_EQ(result.batches, 3);
    EXPECT_EQ(result.tokens, tokens) << result.work;
    EXPECT_EQ(result.seconds.size(), 2U);
    EXPECT_GT(result.median_seconds(), 0.0);
    EXPECT_EQ(result.ratio > 0.0, !result.against.empty()) << result.work;
    EXPECT_TRUE(result.against.empty() || by_work.contains(result.against)) << result.against;
    double whole = 0;
    for (const double seconds : result.seconds) whole += seconds;
    EXPECT_LE(result.profile.total(), whole) << result.work;
    for (const Block block : {Block::kProduct, Block::kAttention, Block::kNormalisation,
                              Block::kActivation, Block::kEmbeddings, Block::kData}) {
      EXPECT_GT(result.profile.of(block), 0.0) << result.work << ", " << block_name(block);
    }
    const bool trains = result.work.starts_with("train");
    EXPECT_EQ(result.profile.of(Block::kOptimizer) > 0.0, trains) << result.work;
  }
  EXPECT_GT(by_work.at("train").product_seconds, 0.0);
  // Forward once and two gradients: less the first layer's, and what the profile leaves out.
  EXPECT_GT(by_work.at("train").product_flops, 2 * by_work.at("predict, sorted").product_flops);
  EXPECT_LT(by_work.at("train --freeze").product_flops, by_work.at("train").product_flops);
}

TEST_F(Bench, LeavesOutWhatMakesNoSense) {
  BenchWork work = tiny_work("none");
  work.rows.resize(1);
  work.model.heads.resize(1);
  work.model.adapters.resize(1);
  std::vector<std::string> works;
  for (const BenchResult& result : run_bench(work, small_options())) works.push_back(result.work);
  EXPECT_EQ(works, (std::vector<std::string>{"train", "train --freeze", "predict, as it comes",
                                             "predict, sorted"}));
  BenchOptions options = small_options();
  options.rounds = 0;
  EXPECT_THROW(run_bench(work, options), UsageError);
}

BenchResult example() {
  BenchResult result;
  result.work = "predict, sorted";
  result.precision = "bf16";
  result.batches = 2;
  result.tokens = 100;
  result.seconds = {0.5, 0.25, 0.4};
  result.against = "predict, as it comes";
  result.ratio = 1.5;
  result.product_seconds = 0.3;
  result.product_flops = 6e11;
  result.peak_bytes = 5000000;
  result.profile.seconds[static_cast<size_t>(Block::kProduct)] = 0.6;
  result.profile.calls[static_cast<size_t>(Block::kProduct)] = 12;
  return result;
}

TEST(BenchReport, TheTableHasMedians) {
  const std::string table = bench_table({example()});
  for (const char* cell : {"predict, sorted", "bf16", "200.0", "250", "200.0 to 400.0",
                           "1.50 x predict, as it comes", "75 %", " 5\n"}) {
    EXPECT_NE(table.find(cell), std::string::npos) << cell << "\n" << table;
  }
}

TEST(BenchReport, TheProfileAddsUp) {
  const std::string table = profile_tables({example()});
  // 0.6 of 1.15 seconds in 6 batches; 3 rounds of 0.6 TFLOP; 0.55 elsewhere.
  for (const char* cell :
       {"predict, sorted, bf16", "matrix products", "100.00", "52 %", "3.000", "other", "91.67",
        "48 %", "whole batch", "191.67", "at::mm", "150.00", "2.000"}) {
    EXPECT_NE(table.find(cell), std::string::npos) << cell << "\n" << table;
  }
  EXPECT_EQ(table.find("attention"), std::string::npos);
}

TEST(BenchReport, JsonHasTheNamesOthersRead) {
  const OrderedJson json = bench_json({example()}, true).at(0);
  EXPECT_EQ(json.at("batch_seconds"), 0.2);
  EXPECT_EQ(json.at("tokens_per_second"), 250.0);
  EXPECT_EQ(json.at("spread"), OrderedJson::array({200.0, 400.0}));
  EXPECT_EQ(json.at("product_share"), 0.75);
  EXPECT_EQ(json.at("product_teraflops"), 2.0);
  EXPECT_EQ(json.at("peak_bytes"), 5000000);
  EXPECT_NEAR(json.at("blocks").at("matrix products").get<double>(), 0.1, 1e-12);
  EXPECT_FALSE(bench_json({example()}, false).at(0).contains("blocks"));
}

TEST(Products, AreDoneAgainInTheSameShapes) {
  using enum ProductKind;
  for (const bool bf16 : {false, true}) {
    ProductReplay replay({{kForward, 5, 7, 11, bf16},
                          {kInputGradient, 5, 7, 11, bf16},
                          {kWeightGradient, 5, 7, 11, bf16}});
    EXPECT_EQ(replay.flops(), 3 * 2.0 * 5 * 7 * 11);
    EXPECT_GT(replay.run(), 0.0);
  }
}

}  // namespace
}  // namespace pals
