// What every kind of task must fulfil: its tasks and features come back from disk as they were, and
// its logits are decoded, scored and rendered.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "catalog/reader.h"
#include "catalog/task_json.h"
#include "data/feature_cache.h"
#include "features/test_tokens.h"
#include "kinds/kind.h"

namespace pals {
namespace {

/// Has an example's logits (zeros; `width` for each of its rows, or of its tokens) say its targets.
using Says = void (*)(std::span<const float> targets, int64_t width, std::span<float> logits);

/// A task of each kind with a dev file, and how logits say exactly what its targets say.
struct Case {
  const char* task;  ///< as in a task file
  const char* file;  ///< dev.txt
  int64_t examples;  ///< that are scored
  Says says;
  bool any_value = false;  ///< every finite number can be a target
};

void choose(std::span<const float> targets, int64_t /*width*/, std::span<float> logits) {
  logits[static_cast<size_t>(targets.front())] = 9.0F;
}

void give_value(std::span<const float> targets, int64_t /*width*/, std::span<float> logits) {
  logits.front() = targets.front();
}

// The i-th target is a token, whose i-th output is to be high.
void point_at_tokens(std::span<const float> targets, int64_t width, std::span<float> logits) {
  for (size_t i = 0; i < targets.size(); ++i) {
    logits[static_cast<size_t>(width * static_cast<int64_t>(targets[i])) + i] = 9.0F;
  }
}

// Targets are bits, one for each label.
void mark(std::span<const float> targets, int64_t /*width*/, std::span<float> logits) {
  for (size_t i = 0; i < targets.size(); ++i) logits[i] = targets[i] != 0.0F ? 9.0F : -9.0F;
}

// Targets are classes, one for each token; below 0 where a token has none.
void tag_words(std::span<const float> targets, int64_t width, std::span<float> logits) {
  for (size_t i = 0; i < targets.size(); ++i) {
    if (targets[i] < 0.0F) continue;
    logits[i * static_cast<size_t>(width) + static_cast<size_t>(targets[i])] = 9.0F;
  }
}

constexpr int kLength = 12;

std::vector<Case> cases() {
  return {
      {R"({"name": "c", "kind": "classification", "labels": ["no", "yes", "3"],
               "dev": {"path": "dev.txt", "format": "tsv", "text_a": 0, "label": 1}})",
       "a b\tyes\nb\tno\nc d e\t3\n", 3, choose},
      {R"({"name": "r", "kind": "regression", "label_scale": 4, "metrics": ["spearman", "pearson"],
               "dev": {"path": "dev.txt", "format": "tsv", "text_a": 0, "text_b": 1, "label": 2}})",
       "a\tb\t1\nc\td\t3.5\ne\tf\t-2\n", 3, give_value, true},
      {R"({"name": "s", "kind": "span", "doc_stride": 2, "unanswerable": true,
               "dev": "dev.txt"})",
       R"({"data": [{"paragraphs": [
                {"context": "a b c d e f g h", "qas": [
                  {"id": "1", "question": "x", "answers": [{"text": "c d", "answer_start": 4}]},
                  {"id": "2", "question": "y z", "is_impossible": true}]},
                {"context": "k l", "qas": [
                  {"id": "3", "question": "w", "answers": [{"text": "l", "answer_start": 2}]}]}]}]})",
       3, point_at_tokens},
      {R"({"name": "m", "kind": "multiple_choice",
               "dev": {"path": "dev.txt", "format": "csv", "context": 0, "choices": [1, 2, 3],
                       "label": 4}})",
       "a,b,c,d,2\ne,f,g,,0\nh,i,j,k,1\n", 3, choose},
      {R"({"name": "l", "kind": "multi_label", "labels": ["x", "y", "z"], "label_separator": ";",
               "metrics": ["micro_f1", "macro_f1", "subset_accuracy", "map"],
               "threshold": {"x": 0.5, "y": 0.25, "z": 0.75},
               "dev": {"path": "dev.txt", "format": "tsv", "text_a": 0, "label": 1}})",
       "a b\tx;z\nb\t\nc d e\tz;y\nf\ty\n", 4, mark},
      {R"({"name": "t", "kind": "tagging", "doc_stride": 4, "scheme": "bioes",
               "labels": ["O", "B-P", "I-P", "E-P", "S-P", "B-Q", "I-Q", "E-Q", "S-Q"],
               "metrics": ["f1", "precision", "recall", "accuracy"],
               "dev": {"path": "dev.txt", "format": "conll"}})",
       "# text\na B-P\nb E-P\nc O\n\n-DOCSTART- O\n\nd O\ne\tS-Q\nf O\ng O\nh O\ni O\nj O\nk O\n"
       "l B-Q\nm I-Q\nn E-Q\no O\np S-P\n",
       2, tag_words}};
}

class EachKind : public testing::TestWithParam<size_t> {
 protected:
  EachKind()
      : made_(cases().at(GetParam())), task_(task_from_json(parse_json(made_.task, "t"), "t")) {
    write_file_atomically(folder_ / "dev.txt", made_.file);
  }

  const Kind& kind() const { return kind_of(task_); }
  const DataFile& file() const { return task_.files.front(); }
  TextRules rules() const { return {tokenizer_, kLength}; }

  FeatureSet features() const {
    return kind().make_features(task_, read_examples(task_, file(), folder_.path()), false, rules(),
                                {.threads = 1});
  }

  /// Logits that are 0 but for what the targets say.
  std::vector<float> right_logits(const FeatureSet& features) const {
    const bool tokens = kind().head().reads_tokens;
    const int64_t width = num_outputs(task_);
    const auto before = [&](int64_t row) {  // logits of the rows before
      return width * (tokens ? features.row_offsets[static_cast<size_t>(row)] : row);
    };
    std::vector<float> logits(static_cast<size_t>(before(features.num_rows())));
    for (int64_t e = 0; e < features.num_examples(); ++e) {
      const int64_t first = before(features.first_row(e));
      const int64_t last = before(features.first_row(e + 1));
      made_.says(
          features.targets_of(e), width,
          std::span(logits).subspan(static_cast<size_t>(first), static_cast<size_t>(last - first)));
    }
    return logits;
  }

  std::vector<double> scores_of(const FeatureSet& features,
                                const std::vector<float>& logits) const {
    const std::vector<Prediction> said = kind().decode(task_, features, logits, rules(), 2);
    const Measures measures = kind().measure(task_, {features, logits, said});
    EXPECT_EQ(measures.examples, made_.examples);
    return measures.values;
  }

  Case made_;
  Task task_;
  TestFolder folder_;
  Tokenizer tokenizer_ = letter_tokenizer();
};

TEST_P(EachKind, TasksComeBackFromJson) {
  const Json json = task_to_json(task_);
  Task spelled_out = task_;
  for (DataFile& file : spelled_out.files) {
    file.header_known = file.format == FileFormat::kTsv || file.format == FileFormat::kCsv;
  }
  EXPECT_EQ(task_from_json(json, "again"), spelled_out);
  EXPECT_EQ(task_to_json(task_from_json(json, "again")), json);
}

TEST_P(EachKind, MetricsFit) {
  EXPECT_FALSE(kind().usual_metrics(task_).empty());
  for (const Metric metric : kind().usual_metrics(task_)) {
    EXPECT_EQ(metric_problem(metric, task_), "");
  }
  for (const std::string& name : metric_names()) {
    const Metric metric = *metric_from_name(name);
    const bool possible = std::ranges::count(kind().metrics(), metric) > 0;
    if (possible) continue;
    EXPECT_NE(metric_problem(metric, task_), "") << name;
  }
}

TEST_P(EachKind, FeaturesComeBackFromTheCacheWithTheirTexts) {
  const TestFolder cache;
  const auto load = [&] {
    return load_features(task_, file(), folder_.path(), tokenizer_, kLength, cache.path(), 1);
  };
  const FeaturesPtr first = load();
  EXPECT_EQ(*first, features());
  ASSERT_EQ(list_directory(cache.path()).size(), 1U);
  EXPECT_EQ(*load(), *first);
  const FeatureRequest request(task_, file(), folder_.path(), tokenizer_, kLength);
  const FeaturesPtr found = find_features(request, cache.path());
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, *first);
}

TEST_P(EachKind, TargetsThatCannotBeAreRefused) {
  const FeatureSet good = features();
  kind().check_features(good, num_outputs(task_));
  for (const float wrong : {-2.0F, 1e6F, std::nanf("")}) {
    if (std::isfinite(wrong) && made_.any_value) continue;
    FeatureSet bad = good;
    bad.targets.front() = wrong;
    EXPECT_THROW(kind().check_features(bad, num_outputs(task_)), Error) << wrong;
  }
  FeatureSet more = good;
  more.targets.push_back(0);
  more.target_offsets.back() += 1;
  EXPECT_THROW(kind().check_features(more, num_outputs(task_)), Error);
}

TEST_P(EachKind, RightLogitsScoreFullAndWrongOnesLess) {
  const FeatureSet made = features();
  const std::vector<float> right = right_logits(made);
  std::vector<float> wrong(right.rbegin(), right.rend());
  ASSERT_NE(wrong, right);
  for (const double score : scores_of(made, right)) EXPECT_NEAR(score, 1.0, 1e-12);
  for (const double score : scores_of(made, wrong)) EXPECT_LT(score, 1.0);
}

TEST_P(EachKind, RowsOfPredictionAreThoseOfFiles) {
  const ExampleSet set = read_examples(task_, file(), folder_.path());
  std::vector<Example> texts = set.examples;
  for (const Question& question : set.questions.questions) {
    const auto context = static_cast<size_t>(question.context);
    texts.push_back({.text_a = question.text, .text_b = set.questions.contexts[context]});
  }
  FeatureSet asked;
  for (const Example& text : texts) kind().encode(kind().row_form(task_), text, rules(), asked);
  const FeatureSet made = features();
  EXPECT_EQ(asked.token_ids, made.token_ids);
  EXPECT_EQ(asked.row_offsets, made.row_offsets);
  EXPECT_EQ(asked.first_lengths, made.first_lengths);
  EXPECT_EQ(asked.group_offsets, made.group_offsets);
  EXPECT_EQ(kind().decode(task_, asked, right_logits(made), rules(), 1).size(), texts.size());
}

TEST_P(EachKind, RightLogitsPredictTheGold) {
  const FeatureSet made = features();
  const std::vector<float> logits = right_logits(made);
  const std::vector<Prediction> said = kind().decode(task_, made, logits, rules(), 1);
  for (int64_t e = 0; e < made_.examples; ++e) {
    const DevRow row = kind().dev_row(task_, {made, logits, said}, e);
    const Json& gold = row.gold;
    const bool none = gold.is_array() && gold.empty();
    if (row.prediction.is_array()) {
      EXPECT_EQ(row.prediction, gold);
    } else {
      EXPECT_EQ(row.prediction, none ? Json("") : gold.is_array() ? gold.front() : gold);
    }
  }
}

TEST_P(EachKind, DevRowsHaveTheFormThatIsAnalysed) {
  const FeatureSet made = features();
  const std::vector<float> logits = right_logits(made);
  const std::vector<Prediction> said = kind().decode(task_, made, logits, rules(), 1);
  const auto is_label = [&](const Json& value) {
    return value.is_string() && std::ranges::count(task_.labels, value.get<std::string>()) > 0;
  };
  const auto are_labels = [&](const Json& value) {
    return value.is_array() && std::all_of(value.begin(), value.end(), is_label);
  };
  const auto fits = [&](const Json& value) {
    switch (kind().analysis_form()) {
      case AnalysisForm::kChoice:
        return task_.labels.empty() ? value.is_number_integer() : is_label(value);
      case AnalysisForm::kValue:
        return value.is_number();
      case AnalysisForm::kAnswer:
        return value.is_string() || value.is_array();
      case AnalysisForm::kTags:
      case AnalysisForm::kLabelSet:
        return are_labels(value);
    }
    return false;
  };
  for (int64_t e = 0; e < made_.examples; ++e) {
    const DevRow row = kind().dev_row(task_, {made, logits, said}, e);
    EXPECT_TRUE(fits(row.gold)) << json_text(row.gold, -1);
    EXPECT_TRUE(fits(row.prediction)) << json_text(row.prediction, -1);
    if (kind().analysis_form() == AnalysisForm::kTags) {
      EXPECT_EQ(row.gold.size(), row.prediction.size());
    }
  }
}

TEST_P(EachKind, AnswersHaveAFieldForEachName) {
  const FeatureSet made = features();
  for (const Prediction& said : kind().decode(task_, made, right_logits(made), rules(), 1)) {
    EXPECT_EQ(kind().fields(task_, said).size(), kind().field_names().size());
    EXPECT_TRUE(kind().to_json(task_, said).contains(kind().field_names().front()));
  }
}

TEST_P(EachKind, LossesCoverTheExamplesAndTouchEachLogitOnce) {
  const FeatureSet made = features();
  PackedBatch batch;
  for (int64_t e = 0; e < made.num_examples(); ++e) append_example(made, e, 0, e, batch);
  const LossLayout layout = kind().loss_layout(batch, batch.segments.front(), num_outputs(task_));
  EXPECT_EQ(layout.num_logits, static_cast<int64_t>(right_logits(made).size()));
  if (layout.function != LossFunction::kCrossEntropy) {
    EXPECT_EQ(static_cast<int64_t>(layout.values.size()), layout.num_logits);
    EXPECT_EQ(layout.weights.size(), layout.values.size());
    EXPECT_EQ(layout.values.size() % static_cast<size_t>(made.num_examples()), 0U);
    EXPECT_EQ(layout.classes.size(), kind().has_labels() ? layout.values.size() : 0U);
    for (const int64_t label : layout.classes) EXPECT_LT(label, std::ssize(task_.labels));
    return;
  }
  EXPECT_EQ(static_cast<int64_t>(layout.example_groups.size()) - 1, made.num_examples());
  EXPECT_EQ(layout.example_groups.back(), static_cast<int64_t>(layout.groups.size()));
  std::vector<int> touched(static_cast<size_t>(layout.num_logits));
  for (const LogitGroup& group : layout.groups) {
    ASSERT_LT(group.chosen, group.size);
    for (int64_t i = 0; i < group.size; ++i) {
      ++touched.at(static_cast<size_t>(group.first + i * group.stride));
    }
  }
  EXPECT_LE(*std::ranges::max_element(touched), 1);
}

TEST_P(EachKind, OutputsHaveTheNamesOfLabels) {
  if (!kind().outputs_are_labels()) {
    EXPECT_EQ(output_names(task_), std::vector<std::string>());
  } else {
    EXPECT_TRUE(kind().has_labels());
    EXPECT_EQ(std::ssize(output_names(task_)), num_outputs(task_));
  }
}

TEST_P(EachKind, RandomTargetsCanBe) {
  Random random(1, 1);
  FeatureSet made;
  for (int i = 0; i < 50; ++i) {
    for (int64_t row = 0; row < kind().random_rows(); ++row) {
      made.token_ids.insert(made.token_ids.end(), 5, 1);
      made.end_row(2);
    }
    made.end_example(kind().random_targets(task_, 5, random));
  }
  kind().check_features(made, num_outputs(task_));
  EXPECT_GT(std::ranges::max(made.targets), std::ranges::min(made.targets));
}

INSTANTIATE_TEST_SUITE_P(Kinds, EachKind, testing::Range(size_t{0}, cases().size()),
                         [](const auto& param) { return kind_names()[param.param]; });

TEST(Kinds, EachHasACase) {
  ASSERT_EQ(cases().size(), kind_names().size());
  for (size_t i = 0; i < kind_names().size(); ++i) {
    EXPECT_EQ(kind_name(static_cast<TaskKind>(i)), kind_names()[i]);
    const Task task = task_from_json(parse_json(cases()[i].task, "t"), "t");
    EXPECT_EQ(kind_name(task.kind), kind_names()[i]);
  }
}

TEST(Kinds, RegressionSpeaksInTheUnitsOfTheFiles) {
  const Task task{.name = "sts", .kind = TaskKind::kRegression, .label_scale = 5.0};
  EXPECT_DOUBLE_EQ(kind_of(task).decode_example(task, std::vector<float>{0.5F}).value, 2.5);
}

TEST(Kinds, ClassificationIsASoftmax) {
  const Task task{.name = "c", .labels = {"a", "b", "c"}};
  const std::vector<float> logits = {0.0F, std::log(6.0F), std::log(3.0F)};
  const Prediction said = kind_of(task).decode_example(task, logits);
  EXPECT_EQ(said.label, 1);
  ASSERT_EQ(said.probabilities.size(), 3U);
  EXPECT_NEAR(said.probabilities[0], 0.1, 1e-6);
  EXPECT_NEAR(said.probabilities[1], 0.6, 1e-6);
  EXPECT_NEAR(said.probabilities[2], 0.3, 1e-6);
  const Prediction large =
      kind_of(task).decode_example(task, std::vector<float>{-3e38F, 3e38F, -3e38F});
  EXPECT_EQ(large.probabilities, (std::vector<double>{0.0, 1.0, 0.0}));
}

TEST(Kinds, WrittenForms) {
  const Task three{.name = "three", .labels = {"a", "b\tc", "d"}};
  const Kind& classes = kind_of(three);
  const Prediction first = classes.decode_example(three, std::vector<float>{0.0F, 0.0F, -80.0F});
  EXPECT_EQ(classes.fields(three, first), (std::vector<std::string>{"a", "0.5000"}));
  EXPECT_EQ(classes.to_json(three, first)["label"], "a");
  EXPECT_EQ(classes.to_json(three, first)["probabilities"]["b\tc"], 0.5);
  const Prediction tab = classes.decode_example(three, std::vector<float>{0.0F, 90.0F, 0.0F});
  EXPECT_EQ(classes.fields(three, tab).front(), "b c") << "still one column";
  Task span{.name = "span", .kind = TaskKind::kSpan};
  Prediction answer;
  answer.answer = {
      .text = "a\nb", .probability = 0.25, .score = -1.5, .n_best = {}, .null_odds = 2.0};
  EXPECT_EQ(kind_of(span).fields(span, answer),
            (std::vector<std::string>{"a b", "0.2500", "-1.5000"}));
  EXPECT_EQ(json_text(kind_of(span).to_json(span, answer), -1),
            R"({"answer":"a\nb","probability":0.25,"score":-1.5})");
  span.settings = SpanOptions{.unanswerable = true};
  EXPECT_EQ(kind_of(span).to_json(span, answer)["null_odds"], 2.0);
  const Task choice{.name = "choice", .kind = TaskKind::kMultipleChoice};
  const Prediction second =
      kind_of(choice).decode_example(choice, std::vector<float>{0.0F, 90.0F, 0.0F});
  EXPECT_EQ(kind_of(choice).fields(choice, second), (std::vector<std::string>{"1", "1.0000"}));
  EXPECT_EQ(kind_of(choice).to_json(choice, second)["choice"], 1);
  EXPECT_EQ(kind_of(choice).to_json(choice, second)["probabilities"].size(), 3U);
}

TEST(Kinds, RefuseMetricsThatDoNotFit) {
  Task task{.name = "own", .labels = {"x", "y"}, .metrics = {Metric::kPearson}};
  EXPECT_THROW(check_metrics(task), Error);
  task.metrics = {};
  EXPECT_THROW(check_metrics(task), Error);
  task.metrics = {Metric::kF1};
  EXPECT_NO_THROW(check_metrics(task));
  task.labels.emplace_back("z");
  try {
    check_metrics(task);
    FAIL() << "f1 over three classes was accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("task own"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("3"), std::string::npos);
  }
}

TEST(KindSettings, CompareByValueAndType) {
  const KindSettings none, seven = SpanOptions{.doc_stride = 7};
  EXPECT_EQ(none, KindSettings());
  EXPECT_EQ(seven, KindSettings(SpanOptions{.doc_stride = 7}));
  EXPECT_FALSE(seven == KindSettings(SpanOptions{}));
  EXPECT_FALSE(seven == none);
  EXPECT_FALSE(seven == KindSettings(7));
  EXPECT_EQ(seven.get<SpanOptions>().doc_stride, 7);
  EXPECT_EQ(none.get<SpanOptions>().doc_stride, 128);
  EXPECT_EQ(seven.get<int>(), 0);
}

}  // namespace
}  // namespace pals
