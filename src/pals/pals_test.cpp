// The front of the library against the rooms behind it, on a tiny model folder.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "model/open.h"
#include "model/test_models.h"
#include "pals/encoder.h"
#include "pals/sequence_classification.h"
#include "pals/tokenizer.h"

namespace pals {
namespace {

const std::vector<TextPair> kTexts = {{"a b c", ""}, {"", ""}, {"d", "e a"}};

class Library : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string tokens = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
    for (char c = 'a'; c <= 'z'; ++c) tokens += std::string(1, c) + "\n";
    ModelDescription description;
    description.bert = testing::tiny_bert();
    description.adapter = testing::tiny_adapter("pals");
    description.tasks = {{.name = "two", .labels = {"no", "yes"}, .metrics = {Metric::kAccuracy}},
                         {.name = "value",
                          .kind = TaskKind::kRegression,
                          .metrics = {Metric::kPearson},
                          .label_scale = 5.0}};
    description.max_seq_length = 16;
    MultiTaskModel model(description.bert, description.adapter, head_specs(description.tasks),
                         at::kFloat);
    testing::randomise(model, 11);
    folder_ = ::testing::TempDir() + "pals_library_" + std::to_string(getpid());
    save_model_folder(folder_, model, description,
                      Tokenizer(Vocabulary::from_text(tokens, "test"), true));
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  static inline std::string folder_;
};

TEST_F(Library, TokenizerOfAFolder) {
  EXPECT_EQ(load_tokenizer(folder_).tokenize("A b?"),
            (std::vector<std::string>{"a", "b", "[UNK]"}));
  EXPECT_THROW(load_tokenizer(folder_ + "/nowhere"), Error);
}

TEST_F(Library, EncoderCutsOutEachText) {
  const Encoder encoder(folder_);
  EXPECT_TRUE(encoder.has_pooler());
  const EncodedTexts encoded = encoder.encode(kTexts);
  ASSERT_EQ(encoded.num_texts(), 3);
  EXPECT_EQ(encoded.num_tokens(), 5 + 2 + 6);
  ASSERT_EQ(encoded.num_layers(), 2);
  EXPECT_EQ(encoded.token_ids(2), (std::vector<int32_t>{2, 7, 3, 8, 4, 3}));
  EXPECT_TRUE(at::equal(encoded.layer(-1), encoded.layer(1)));
  EXPECT_FALSE(at::equal(encoded.layer(0), encoded.layer(1)));
  EXPECT_TRUE(at::equal(encoded.layer(0, 2), encoded.layer(0).narrow(0, 7, 6)));
  for (size_t i = 0; i < kTexts.size(); ++i) {  // alone as among others
    const EncodedTexts alone = encoder.encode({kTexts[i]});
    const auto text = static_cast<int64_t>(i);
    EXPECT_TRUE(at::allclose(alone.layer(-1), encoded.layer(-1, text), 1e-4, 1e-5));
    EXPECT_TRUE(at::allclose(alone.pooled()[0], encoded.pooled()[text], 1e-4, 1e-5));
    EXPECT_TRUE(at::allclose(encoded.vectors(Pooling::kMean)[text], encoded.layer(-1, text).mean(0),
                             1e-4, 1e-5));
  }
}

TEST_F(Library, EncoderWithATasksAdapter) {
  FeatureModelOptions options;
  options.model = folder_;
  options.task = "two";
  const EncodedTexts with = Encoder(options).encode(kTexts);
  EXPECT_FALSE(at::allclose(with.layer(-1), Encoder(folder_).encode(kTexts).layer(-1)));
}

TEST_F(Library, EncoderRefusesWhatIsNotThere) {
  const Encoder encoder(folder_, 4);
  EXPECT_EQ(encoder.encode({kTexts[0]}).num_tokens(), 4);
  EXPECT_THROW(Encoder(folder_, 17), UsageError);  // of 16 positions
  EXPECT_THROW(encoder.encode({}), UsageError);
  const EncodedTexts encoded = encoder.encode(kTexts);
  EXPECT_THROW(encoded.layer(2), UsageError);
  EXPECT_THROW(encoded.layer(-3), UsageError);
  EXPECT_THROW(encoded.token_ids(3), UsageError);
  EXPECT_THROW(encoded.layer(0, -1), UsageError);
}

TEST_F(Library, OneTaskAsAmongSeveral) {
  const MultiTaskPredictor several(folder_);
  const auto both = several.predict(kTexts, "value,two");
  ASSERT_EQ(both.size(), kTexts.size());
  const SequenceClassifier two(folder_, "two"), value(folder_, "value");
  EXPECT_EQ(two.task().labels, (std::vector<std::string>{"no", "yes"}));
  const std::vector<Prediction> labels = two.classify(kTexts), values = value.classify(kTexts);
  for (size_t i = 0; i < kTexts.size(); ++i) {
    ASSERT_EQ(both[i].size(), 2U);
    EXPECT_NEAR(both[i][0].value, values[i].value, 1e-4);
    EXPECT_EQ(both[i][0].label, -1);
    EXPECT_EQ(both[i][1].label, labels[i].label);
    EXPECT_NEAR(both[i][1].probabilities[1], labels[i].probabilities[1], 1e-5);
  }
  EXPECT_EQ(several.predict({}).size(), 0U);
  EXPECT_EQ(several.predict(kTexts)[0].size(), 2U);
}

TEST_F(Library, WrongNamesAreRefused) {
  EXPECT_THROW(SequenceClassifier(folder_, "three"), UsageError);
  EXPECT_THROW(SequenceClassifier(folder_, ""), UsageError);  // there are two
  EXPECT_THROW(SequenceClassifier(folder_ + "/nowhere", "two"), Error);
  EXPECT_THROW(MultiTaskPredictor(folder_, {.precision = "fp8"}), UsageError);
  EXPECT_THROW(MultiTaskPredictor(folder_, {.batch_size = 0}), UsageError);
}

}  // namespace
}  // namespace pals
