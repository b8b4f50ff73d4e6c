#include "model/model_runner.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/json.h"
#include "features/test_tokens.h"
#include "model/test_models.h"
#include "predict/test_runner.h"
#include "predict/token_features.h"
#include "predict/windows.h"

namespace pals {
namespace {

LoadedModel tiny_loaded(const std::string& adapter) {
  LoadedModel loaded;
  loaded.description.bert = testing::tiny_bert();
  loaded.description.tasks = testing::asked_tasks();
  loaded.description.max_seq_length = 14;
  loaded.tokenizer = std::make_unique<Tokenizer>(letter_tokenizer());
  loaded.model = testing::tiny_model(loaded.description.bert, testing::tiny_adapter(adapter));
  return loaded;
}

std::vector<Prediction> ask(const LoadedModel& loaded, const std::vector<int>& tasks, int texts,
                            int64_t batch_size) {
  const ModelRunner runner(*loaded.model);
  const Predictor predictor(predicting_model(loaded, runner), tasks, {.batch_size = batch_size});
  WindowReader reader(std::make_unique<testing::LetterInput>(texts), *loaded.tokenizer,
                      loaded.description.max_seq_length, 1000, predictor.forms());
  return predictor.predict(*reader.next());
}

class MixedTasks : public ::testing::TestWithParam<const char*> {};

TEST_P(MixedTasks, AnswerAsEachTaskAlone) {
  const LoadedModel loaded = tiny_loaded(GetParam());
  const std::vector<int> order = {4, 2, 3, 0, 1, 5};
  const std::vector<Prediction> mixed = ask(loaded, order, 29, 8);
  ASSERT_EQ(mixed.size(), 29U * 6);
  for (size_t place = 0; place < order.size(); ++place) {
    const std::vector<Prediction> alone = ask(loaded, {order[place]}, 29, 100);
    for (size_t row = 0; row < alone.size(); ++row) {
      const Prediction& one = mixed[row * 6 + place];
      EXPECT_NEAR(one.value, alone[row].value, 1e-4);
      EXPECT_EQ(one.answer.text, alone[row].answer.text);
      EXPECT_NEAR(one.answer.score, alone[row].answer.score, 1e-4);
      ASSERT_EQ(one.probabilities.size(), alone[row].probabilities.size());
      for (size_t i = 0; i < one.probabilities.size(); ++i) {
        EXPECT_NEAR(one.probabilities[i], alone[row].probabilities[i], 1e-5);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Adapters, MixedTasks,
                         ::testing::Values("none", "pals", "low_rank", "houlsby", "lhuc",
                                           "top_attention", "houlsby_pals"));

/// Two rows of the tiny model, run in an order that is not theirs.
struct TinyRun {
  TinyRun() : tokenizer(letter_tokenizer()) {
    for (const char* text : {"b", "c d \xC3\xBC", "a b c d"}) {
      rows->end_row(encode_pair(tokenizer, text, "", 16, rows->token_ids));
      rows->end_example({});
    }
    model = testing::tiny_model(testing::tiny_bert(), testing::tiny_adapter("pals"));
    const EvaluationLoader loader({{1, rows}}, 2);
    for (int64_t i = 0; i < loader.num_batches(); ++i) {
      batches.push_back(loader.batch(i));
      outputs.push_back(model->forward(batches.back(), true));
      outputs.back().tokens = outputs.back().encoder_layers.back();
    }
  }
  Tokenizer tokenizer;
  std::shared_ptr<FeatureSet> rows = std::make_shared<FeatureSet>();
  const FeatureSet& window = *rows;
  std::unique_ptr<MultiTaskModel> model;
  std::vector<PackedBatch> batches;
  std::vector<MultiTaskModel::Output> outputs;
};

TEST(TokenFeatures, LinesAreInTheOrderOfTheInput) {
  const TinyRun run;
  TokenFeatures features(run.tokenizer.vocabulary(), {-1, 0}, 2, 24);
  EXPECT_EQ(features.wanted().layers, (std::vector<int>{1, 0}));
  for (const PackedBatch& batch : run.batches) {
    features.add(batch, ModelRunner(*run.model).run(batch, features.wanted()));
  }
  std::vector<Json> lines;
  features.drain(run.window, 7,
                 [&](const std::string& line) { lines.push_back(parse_json(line, "line")); });
  ASSERT_EQ(lines.size(), 3U);
  for (size_t row = 0; row < 3; ++row) {
    EXPECT_EQ(lines[row]["linex_index"], 7 + row);
    const Json& tokens = lines[row]["features"];
    ASSERT_EQ(static_cast<int64_t>(tokens.size()),
              run.window.row_length(static_cast<int64_t>(row)));
    EXPECT_EQ(tokens[0]["token"], "[CLS]");
    EXPECT_EQ(tokens.back()["token"], "[SEP]");
    EXPECT_EQ(tokens[1]["layers"][0]["index"], -1);
    EXPECT_EQ(tokens[1]["layers"][1]["index"], 0);
    EXPECT_EQ(tokens[1]["layers"][1]["values"].size(), 24U);
  }
  EXPECT_EQ(lines[1]["features"][1]["token"], "c");
  // Row 2 is the longest and was run first: its tokens begin the first batch.
  EXPECT_EQ(run.batches[0].row_ids[0], 2);
  EXPECT_NEAR(lines[2]["features"][0]["layers"][0]["values"][5].get<float>(),
              run.outputs[0].encoder_layers[1].const_data_ptr<float>()[5], 5.1e-7);
}

TEST(Pooling, IsWhatItsNameSays) {
  const TinyRun run;
  const PackedBatch& batch = run.batches[0];
  const MultiTaskModel::Output& output = run.outputs[0];
  const ModelRunner runner(*run.model);
  const at::Tensor tokens = output.tokens;
  const float* values = tokens.const_data_ptr<float>();
  const auto of = [&](Pooling pooling, bool normalize = false) {
    return at::tensor(runner.run(batch, {.vectors = {{pooling, normalize}}}).vectors)
        .view({batch.num_rows(), 24});
  };
  const at::Tensor cls = of(Pooling::kCls), mean = of(Pooling::kMean), max = of(Pooling::kMax);
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    const int64_t first = batch.cu_seqlens[static_cast<size_t>(row)];
    const int64_t last = batch.cu_seqlens[static_cast<size_t>(row) + 1];
    for (int64_t h = 0; h < 24; ++h) {
      double sum = 0.0;
      float largest = -1e30F;
      for (int64_t t = first; t < last; ++t) {
        sum += values[t * 24 + h];
        largest = std::max(largest, values[t * 24 + h]);
      }
      EXPECT_EQ(cls[row][h].item<float>(), values[first * 24 + h]);
      EXPECT_NEAR(mean[row][h].item<double>(), sum / static_cast<double>(last - first), 1e-5);
      EXPECT_EQ(max[row][h].item<float>(), largest);
    }
  }
  EXPECT_TRUE(at::equal(of(Pooling::kPooled), output.pooled));
  const at::Tensor unit = of(Pooling::kMean, true);
  EXPECT_TRUE(at::allclose(unit.norm(2, 1), at::ones({batch.num_rows()}), 1e-5));
  EXPECT_TRUE(at::allclose(unit * mean.norm(2, 1, true), mean, 1e-5, 1e-6));
}

}  // namespace
}  // namespace pals
