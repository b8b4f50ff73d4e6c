// The plain types at the library's edge.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace pals::api {

/// A text, or a pair of texts.
struct TextPair {
  std::string_view a;
  std::string_view b;  ///< empty: a single text
};

/// What a line of input holds.
enum class LineRule {
  kTab,   ///< `a`, or `a<tab>b` (further tabs belong to b)
  kBars,  ///< `a`, or `a ||| b`, cut at the last bars
};

/// The texts of one line. They point into it.
TextPair split_line(std::string_view line, LineRule rule);

/// What a task asks of a text.
enum class TaskKind { kClassification, kRegression, kSpan, kMultipleChoice, kMultiLabel, kTagging };

/// "classification", "regression", ...: as task files have it.
const char* kind_name(TaskKind kind);

struct Task {
  std::string name;
  TaskKind kind = {};
  std::vector<std::string> labels;  ///< classes, labels or tags, by their numbers
  int num_texts = 0;                ///< of a row, 1 or 2; 0: the folder does not say
};

/// One of the n best answers to a question.
struct RankedAnswer {
  std::string text;  ///< empty: no answer
  double probability = 0.0;
};

/// What a model answers to one question.
struct PredictedAnswer {
  std::string text;                  ///< words of the context; empty: no answer
  double probability = 0.0;          ///< among the n best; 0 if there is none
  std::vector<RankedAnswer> n_best;  ///< the best first
};

/// A word and its tag.
struct TaggedWord {
  std::string text;
  int64_t start = 0, end = 0;  ///< characters [start, end) of the text, as code points
  int32_t tag = -1;            ///< the likeliest, a number of Task::labels
  double probability = 0.0;    ///< of the tag
};

/// A run of words that tags mark.
struct TaggedSpan {
  std::string label, text;
  int64_t start = 0, end = 0;  ///< characters [start, end) of the text, as code points
};

/// What a model says of one text for one task.
struct Prediction {
  int32_t label = -1;                 ///< the likeliest class or choice; -1 for other kinds
  std::vector<int32_t> labels;        ///< multi-label: those above their threshold, ascending
  std::vector<double> probabilities;  ///< of all classes, labels or choices; else empty
  double value = 0.0;                 ///< of a regression, in the units of its data
  PredictedAnswer answer;             ///< of a span
  std::vector<TaggedWord> words;      ///< of a tagging
  std::vector<TaggedSpan> spans;      ///< of a tagging
};

/// A question of multiple choice.
struct Example {
  std::string text_a;                ///< the context
  std::string text_b;                ///< what every choice goes on from; may be empty
  std::vector<std::string> choices;  ///< at least one
};

/// How a model is run.
struct ModelOptions {
  /// fp32, bf16, int8, on a GPU also fp16 and tf32, or auto: bf16 where the device gains by it
  std::string precision = "fp32";
  int64_t batch_size = 32;      ///< rows of a batch at most
  std::string device = "auto";  ///< cpu, cuda, cuda:N, or auto: a GPU if there is one
};

/// One vector for each text. kCls: the first token's last hidden state. kMean, kMax: over all
/// tokens, [CLS] and [SEP] included. kPooled: the pooler's output, tanh(dense(first token)).
enum class Pooling { kCls, kMean, kMax, kPooled };

/// How texts become vectors.
struct VectorOptions {
  Pooling pooling = Pooling::kMean;
  bool normalize = false;     ///< to length 1
  int max_seq_length = 0;     ///< tokens of a text at most; 0: as the model was opened
  std::stop_token stop = {};  ///< once it is requested, the batches end with an Error
};

}  // namespace pals::api

#ifndef PALS_OWN_SOURCES  // inside the library other types have these names
namespace pals {
using namespace api;  // pals::Prediction
}
#endif
