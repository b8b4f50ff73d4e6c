// Span: a question about a context, answered in words of it (SQuAD).
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "eval/answer_files.h"
#include "eval/answer_metrics.h"
#include "eval/answers.h"
#include "features/span_features.h"
#include "kinds/choosing.h"
#include "kinds/kind.h"
#include "kinds/tsv_text.h"
#include "tasks/json_values.h"

namespace pals {
namespace {

constexpr int64_t kMostTokens = 1 << 20;

const SpanOptions& options_of(const Task& task) { return task.settings.get<SpanOptions>(); }

SpanRules rules_of(const SpanOptions& options, const TextRules& rules) {
  return {rules.tokenizer, options, rules.max_seq_length};
}

double mean_of(const std::vector<AnswerScore>& answers, double AnswerScore::*score) {
  double sum = 0.0;
  for (const AnswerScore& answer : answers) sum += answer.*score;
  return sum / static_cast<double>(answers.size());
}

std::vector<PredictedAnswer> answers_of(const std::vector<Prediction>& predictions) {
  std::vector<PredictedAnswer> answers;
  for (const Prediction& prediction : predictions) answers.push_back(prediction.answer);
  return answers;
}

std::vector<std::string> right_answers(const Question& question) {
  std::vector<std::string> right;
  for (const Answer& answer : question.answers) right.push_back(answer.text);
  return right;
}

/// Throws Error for texts that choose_answers() cannot go through.
void check_texts(const FeatureTexts& texts) {
  const auto contexts = static_cast<int64_t>(texts.questions.contexts.size());
  if (static_cast<int64_t>(texts.tokens.size()) != contexts) fail("its contexts lack tokens");
  for (const Question& question : texts.questions.questions) {
    if (question.context < 0 || question.context >= contexts) fail("a question has no context");
  }
  for (size_t c = 0; c < texts.tokens.size(); ++c) {
    const ContextTokens& tokens = texts.tokens[c];
    const auto words = static_cast<int64_t>(split_words(texts.questions.contexts[c]).size());
    if (tokens.token_words.size() != tokens.token_ids.size() ||
        !std::ranges::is_sorted(tokens.token_words) ||
        (!tokens.token_words.empty() &&
         (tokens.token_words.front() < 0 || tokens.token_words.back() >= words))) {
      fail("context ", c, " has tokens of no word");
    }
  }
}

class Span : public Kind {
 public:
  const std::vector<Metric>& metrics() const override {
    static const std::vector<Metric> all = {Metric::kExactMatch, Metric::kF1};
    return all;
  }
  const std::vector<std::string>& keys() const override {
    static const std::vector<std::string> own = {"doc_stride",     "max_query_length",
                                                 "n_best_size",    "unanswerable",
                                                 "null_threshold", "max_answer_length"};
    return own;
  }
  void read_keys(const Json& object, const std::string& where, Task& task) const override {
    SpanOptions span;
    const auto tokens = [&](const char* key, int& value) {
      const auto found = object.find(key);
      if (found != object.end()) {
        value = static_cast<int>(integer_of(*found, key, 1, kMostTokens, where));
      }
    };
    tokens("doc_stride", span.doc_stride);
    tokens("max_query_length", span.max_query_length);
    tokens("max_answer_length", span.max_answer_length);
    tokens("n_best_size", span.n_best_size);
    if (object.contains("unanswerable")) {
      span.unanswerable = bool_of(object["unanswerable"], "unanswerable", where);
    }
    if (object.contains("null_threshold")) {
      span.null_threshold = number_of(object["null_threshold"], "null_threshold", -1e6, 1e6, where);
    }
    task.settings = span;
  }
  void write_keys(const Task& task, Json& object) const override {
    const SpanOptions& span = options_of(task);
    object["doc_stride"] = span.doc_stride;
    object["max_query_length"] = span.max_query_length;
    object["max_answer_length"] = span.max_answer_length;
    object["n_best_size"] = span.n_best_size;
    object["unanswerable"] = span.unanswerable;
    object["null_threshold"] = span.null_threshold;
  }
  FileLayout file_layout() const override { return {.format = FileFormat::kSquad}; }
  const char* usual_name() const override { return "squad"; }
  Json usual_columns(const std::string& /*path*/) const override { return Json::object(); }

  ExampleSet read(const Task& task, const DataFile& file, std::string_view bytes,
                  const std::string& where, RowWatch* watch) const override {
    const bool is_test = file.split.starts_with("test");
    ExampleSet set;
    set.questions = parse_squad(
        bytes, where,
        {.unanswerable = options_of(task).unanswerable || is_test, .needs_answers = !is_test},
        watch);
    return set;
  }
  SkippedTraits skipped() const override {
    return {"question", "answers that do not stand where they should"};
  }
  // A question is cut into as many rows as its context needs.
  std::optional<int64_t> count_examples(const ExampleSet& /*set*/) const override { return {}; }
  FeatureSet make_features(const Task& task, const ExampleSet& set, bool training,
                           const TextRules& rules, const Workers& workers) const override {
    return make_span_features(set.questions, rules_of(options_of(task), rules), training,
                              workers.threads, workers.stop);
  }
  Json encoding_keys(const Task& task) const override {
    const SpanOptions& span = options_of(task);
    return {span.doc_stride, span.max_query_length, span.unanswerable};
  }
  void check_features(const FeatureSet& features, int64_t /*num_outputs*/) const override {
    check_single_rows(features);
    for (int64_t e = 0; e < features.num_examples(); ++e) {
      const std::span<const float> targets = features.targets_of(e);
      if (targets.empty()) continue;
      const auto length = static_cast<float>(features.row_length(features.first_row(e)));
      if (targets.size() != 2 || !(targets[0] >= 0.0F && targets[0] <= targets[1]) ||
          !(targets[1] < length)) {
        fail("example ", e, " has an impossible span");
      }
    }
    check_texts(features.texts);
  }
  bool has_pairs(const DataFile& /*file*/) const override { return true; }

  bool text_decides() const override { return false; }
  bool has_windows() const override { return true; }
  HeadTraits head() const override {
    return {.name = "qa_outputs", .described = "a span's (qa_outputs)", .reads_tokens = true};
  }
  ForeignHead foreign_head() const override { return ForeignHead::kSpan; }
  // Start and end.
  int64_t num_outputs(const Task& /*task*/) const override { return 2; }
  // Half the cross-entropy of a row's start and half that of its end, each over the row's tokens. A
  // start or end that is no token of the row adds nothing.
  LossLayout loss_layout(const PackedBatch& batch, const Segment& segment,
                         int64_t /*num_outputs*/) const override {
    LossLayout layout;
    layout.num_logits = 2 * (segment.last_token - segment.first_token);
    for_each_example(batch, segment, [&](std::span<const float> targets, int64_t row, int64_t) {
      const auto r = static_cast<size_t>(segment.first_row + row);
      const int64_t first = batch.cu_seqlens[r] - segment.first_token;
      const int64_t length = batch.cu_seqlens[r + 1] - batch.cu_seqlens[r];
      for (size_t column = 0; column < 2; ++column) {
        const int64_t position = targets.empty() ? -1 : static_cast<int64_t>(targets[column]);
        const bool in_row = position >= 0 && position < length;
        layout.groups.push_back({2 * first + static_cast<int64_t>(column), length, 2,
                                 in_row ? position : 0, in_row ? 0.5 : 0.0});
      }
      layout.end_example();
    });
    return layout;
  }
  std::vector<float> random_targets(const Task& /*task*/, int64_t row_length,
                                    Random& random) const override {
    const auto token =
        static_cast<float>(random.below(static_cast<uint64_t>(std::max<int64_t>(1, row_length))));
    return {token, token};
  }

  InputTraits input() const override { return {.context = true}; }
  std::optional<DataFile> input_columns(const Task& /*task*/) const override {
    DataFile file;
    file.text_a.name = "question";
    file.text_b.emplace().name = "context";
    return file;
  }
  RowForm row_form(const Task& task) const override { return {task.kind, task.settings}; }
  void encode(const RowForm& form, const Example& text, const TextRules& rules,
              FeatureSet& features) const override {
    append_question(text.text_a, text.text_b, rules_of(form.settings.get<SpanOptions>(), rules),
                    features);
  }
  std::vector<Prediction> decode(const Task& task, const FeatureSet& features,
                                 std::span<const float> logits, const TextRules& rules,
                                 int threads) const override {
    std::vector<Prediction> predictions;
    for (PredictedAnswer& answer :
         choose_answers(features, logits, rules_of(options_of(task), rules), threads)) {
      predictions.emplace_back().answer = std::move(answer);
    }
    return predictions;
  }
  Measures measure(const Task& task, const DecodedFile& file) const override {
    const std::vector<Question>& questions = file.features.texts.questions.questions;
    std::vector<AnswerScore> scores;
    for (size_t q = 0; q < file.predictions.size(); ++q) {
      scores.push_back(score_answer(file.predictions[q].answer.text, right_answers(questions[q]),
                                    options_of(task).unanswerable));
    }
    Measures measures{{}, static_cast<int64_t>(scores.size())};
    for (const Metric metric : task.metrics) {
      measures.values.push_back(
          mean_of(scores, metric == Metric::kF1 ? &AnswerScore::f1 : &AnswerScore::exact_match));
    }
    return measures;
  }
  AnalysisForm analysis_form() const override { return AnalysisForm::kAnswer; }
  DevRow dev_row(const Task& /*task*/, const DecodedFile& file, int64_t number) const override {
    const auto q = static_cast<size_t>(number);
    const Question& question = file.features.texts.questions.questions[q];
    return {question.id, right_answers(question), file.predictions[q].answer.text,
            file.predictions[q].answer.probability};
  }
  bool writes_files() const override { return true; }
  void write_files(const Task& task, const DecodedFile& file,
                   const std::string& prefix) const override {
    write_answer_files(prefix, file.features.texts.questions, answers_of(file.predictions),
                       options_of(task).unanswerable);
  }

  OrderedJson to_json(const Task& task, const Prediction& prediction) const override {
    const PredictedAnswer& answer = prediction.answer;
    OrderedJson json = {
        {"answer", answer.text}, {"probability", answer.probability}, {"score", answer.score}};
    if (options_of(task).unanswerable) json["null_odds"] = answer.null_odds;
    return json;
  }
  std::vector<std::string> field_names() const override {
    return {"answer", "probability", "score"};
  }
  std::vector<std::string> fields(const Task& /*task*/,
                                  const Prediction& prediction) const override {
    const PredictedAnswer& answer = prediction.answer;
    return {tsv_text(answer.text), format_double(answer.probability, 4),
            format_double(answer.score, 4)};
  }
};

}  // namespace

const Kind& span_kind() {
  static const Span kind;
  return kind;
}

}  // namespace pals
