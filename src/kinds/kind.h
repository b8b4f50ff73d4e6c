// What a kind of task is: how its files are read and encoded, what its head learns, and how the
// head's logits are decoded, scored and rendered. One row (tasks/task_kind.h) and one file a kind.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "batch/loss_layout.h"
#include "batch/packed_batch.h"
#include "features/features.h"
#include "kinds/prediction.h"
#include "tasks/task.h"
#include "text/tokenizer.h"

namespace pals {

class RowWatch;

/// What a task file calls the columns of a kind's files.
struct FileLayout {
  const char* text_a = "text_a";
  const char* text_b = "text_b";          ///< null: there is none
  const char* choices = nullptr;          ///< null: there are none
  const char* label_columns = nullptr;    ///< in place of the label; null: there are none
  std::optional<FileFormat> format = {};  ///< all files have this one, and no columns
  std::vector<FileFormat> formats = {FileFormat::kTsv, FileFormat::kCsv, FileFormat::kJsonl};
  const char* tokens = nullptr;  ///< other names of text_a and label, in JSONL
  const char* tags = nullptr;
};

/// What stands on the encoder.
struct HeadTraits {
  const char* name = "classifier";         ///< of its tensors
  const char* described = "a classifier";  ///< in messages
  bool reads_tokens = false;               ///< every token, not the rows' pooled outputs
};

/// The heads that other packages know by a name (src/foreign/head_names.cpp).
enum class ForeignHead {
  kNone,      ///< they have none like it
  kClasses,   ///< of a text: one of several classes, or a value
  kLabelSet,  ///< of a text: any number of labels
  kTags,      ///< of each token: a tag
  kChoices,   ///< of texts: the one that goes on from another
  kSpan       ///< of a question and a context: where the answer begins and ends
};

/// What an input must hold beside texts and pairs.
struct InputTraits {
  bool context = false;  ///< text_b is a context that text_a asks about
  bool choices = false;
  bool pairs = true;  ///< a second text may come with the first
};

/// What a reader leaves out, and why, in messages.
struct SkippedTraits {
  const char* unit = "row";
  const char* reason = "their number of columns";
};

/// What is said of a kind's labels.
struct LabelTraits {
  const char* unit = "rows";  ///< that have one
  bool all_occur = true;      ///< a label that no data has is worth a word
};

/// What a prediction says of labels: nothing, that a text has one of them, or any number.
enum class LabelRule { kNone, kOne, kAny };

/// How texts become the rows of a model. The members must outlive its users.
struct TextRules {
  const Tokenizer& tokenizer;
  int max_seq_length;                        ///< tokens of a row
  Truncation truncation = Truncation::kEnd;  ///< of texts and pairs; contexts of spans are not cut
};

/// How many threads work (0: all cores), and whether they are to stop.
struct Workers {
  int threads = 0;
  std::stop_token stop = {};
};

/// How the rows of a task are made of a text for prediction. Tasks that agree in it share their
/// rows. By default those of a text or pair.
struct RowForm {
  TaskKind kind = {};
  KindSettings settings = {};

  bool operator==(const RowForm&) const = default;
};

/// The head's outputs for a file, and what they were decoded to.
struct DecodedFile {
  const FeatureSet& features;
  std::span<const float> logits;  ///< of all rows (or tokens) in order
  const std::vector<Prediction>& predictions;
};

/// How well predictions fit a file.
struct Measures {
  std::vector<double> values;  ///< of the task's metrics, in their order
  int64_t examples = 0;        ///< that were compared
  std::string remark = {};     ///< for the user, beside the scores; empty: none
};

/// What the rows of a development set are (DevRow), by which reports analyse them.
enum class AnalysisForm {
  kChoice,   ///< a label; of a task without labels the number of a choice
  kValue,    ///< a number, in the units of the data
  kAnswer,   ///< a text, with a list of right ones in `gold`; SpanOptions are the task's settings
  kTags,     ///< a label for each word; TaggingSettings are the task's settings
  kLabelSet  ///< a list of labels, and the probabilities of all
};

/// One example of a development set beside what was predicted of it, in the kind's AnalysisForm.
struct DevRow {
  std::string id = {};  ///< of a question
  Json gold = {};
  Json prediction = {};
  std::optional<double> probability = {};  ///< of an answer
};

/// A kind of task. What is not pure has the meaning that fits texts and pairs with a head that
/// reads pooled outputs. Any thread may call anything.
class Kind {
 public:
  virtual ~Kind() = default;

  // --- In task files.

  /// The metrics that are possible, and those of tasks that name none.
  virtual const std::vector<Metric>& metrics() const = 0;
  virtual std::vector<Metric> usual_metrics(const Task& /*task*/) const { return metrics(); }
  /// Why a task cannot be measured by one of metrics(), with what to do; empty if it can.
  virtual std::string metric_problem(Metric metric, const Task& task) const;
  /// The keys of a task that read() takes, beside those that every task has.
  virtual const std::vector<std::string>& keys() const = 0;
  /// Takes the kind's keys into the task; `where` stands in front of UsageErrors. write_keys()
  /// gives the same, with everything spelled out.
  virtual void read_keys(const Json& object, const std::string& where, Task& task) const = 0;
  virtual void write_keys(const Task& task, Json& object) const = 0;
  virtual FileLayout file_layout() const { return {}; }
  /// The columns of text and label that files of a format have unless the task file says otherwise;
  /// nothing: it has to.
  virtual std::optional<DataFile> usual_file(FileFormat format) const;
  /// What is wrong with a whole task, labels and files known, with what to do; empty: nothing.
  virtual std::string problem(const Task& task) const;
  /// Whether a task has labels; those that its file does not list come from the training file.
  virtual bool has_labels() const { return false; }
  virtual LabelTraits label_traits() const { return {}; }
  /// Whether output i of the head is label i's, so that labels in another order are its outputs in
  /// another order, and name them in other packages. If not, another order is another task.
  virtual bool outputs_are_labels() const { return has_labels(); }
  /// The kind's keys that such labels need, where no task file says more.
  virtual Json keys_for(const std::vector<std::string>& /*labels*/) const { return Json::object(); }
  /// What predictions say of the task's labels, whose probabilities they hold.
  virtual LabelRule label_rule() const { return LabelRule::kNone; }
  /// Whether targets are values, on a scale (Task::label_scale).
  virtual bool has_values() const { return false; }
  /// The distinct labels of a file, sorted; with a watch (tasks/row_watch.h) those of its sound
  /// rows.
  virtual std::vector<std::string> find_labels(const Task& task, const DataFile& file,
                                               std::string_view bytes, const std::string& where,
                                               RowWatch* watch) const;
  /// The name of a task that flags alone describe (kinds_of_flags()); null: a task file has to.
  virtual const char* usual_name() const { return nullptr; }
  /// The columns of such a task's file as a task file names them.
  virtual Json usual_columns(const std::string& path) const;

  // --- From files to features.

  /// The examples of a file. Throws Error "where:line: ..."; those of single rows go to `watch`,
  /// if there is one.
  virtual ExampleSet read(const Task& task, const DataFile& file, std::string_view bytes,
                          const std::string& where, RowWatch* watch) const = 0;
  virtual SkippedTraits skipped() const { return {}; }
  /// Whether a text has one right target: the same text with another is a fault of the data.
  virtual bool text_decides() const { return true; }
  /// The numbers of the classes or labels that an example has (tagging: of each word in order).
  virtual std::vector<size_t> labels_of(const Example& example) const;
  /// How many examples (tagging: words) have each class or label.
  std::vector<int64_t> class_counts(const Task& task, const ExampleSet& set) const;
  /// Whether long texts become several rows, so that nothing of them is cut.
  virtual bool has_windows() const { return false; }
  /// How many examples they are, where that is known before they are encoded.
  virtual std::optional<int64_t> count_examples(const ExampleSet& set) const;
  /// Encodes what was read; those for `training` may leave out what cannot be learned.
  virtual FeatureSet make_features(const Task& task, const ExampleSet& set, bool training,
                                   const TextRules& rules, const Workers& workers) const;
  /// What of the task, beside the columns of the file, its features depend on.
  virtual Json encoding_keys(const Task& task) const;
  /// Throws Error for targets and texts that no such features have.
  virtual void check_features(const FeatureSet& features, int64_t num_outputs) const = 0;
  /// Whether rows of the file have tokens of type 1.
  virtual bool has_pairs(const DataFile& file) const { return file.text_b.has_value(); }

  // --- The head.

  virtual HeadTraits head() const { return {}; }
  /// As which other packages' adapters are read and written. Of several kinds with one of theirs,
  /// a head that was read is of the first; of one output, of the first that has values.
  virtual ForeignHead foreign_head() const { return ForeignHead::kNone; }
  /// Outputs of the head for a row, or for a token.
  virtual int64_t num_outputs(const Task& /*task*/) const { return 1; }
  /// The losses of a segment's examples. A target outside of what there is to choose from is an
  /// internal error.
  virtual LossLayout loss_layout(const PackedBatch& batch, const Segment& segment,
                                 int64_t num_outputs) const = 0;
  /// For timings: rows of an example, and targets of one whose last row has that many tokens.
  virtual int64_t random_rows() const { return 1; }
  virtual std::vector<float> random_targets(const Task& task, int64_t row_length,
                                            Random& random) const = 0;

  // --- Prediction.

  virtual InputTraits input() const { return {}; }
  /// The columns of a table of texts that no flag names; nothing: flags have to.
  virtual std::optional<DataFile> input_columns(const Task& task) const;
  virtual RowForm row_form(const Task& task) const;
  /// Adds a text's rows in this kind's form. UsageError for what the text lacks.
  virtual void encode(const RowForm& form, const Example& text, const TextRules& rules,
                      FeatureSet& features) const;
  /// What the logits of all rows say, of each text.
  virtual std::vector<Prediction> decode(const Task& task, const FeatureSet& features,
                                         std::span<const float> logits, const TextRules& rules,
                                         int threads) const;
  /// What the logits of one example say; called by decode() alone.
  virtual Prediction decode_example(const Task& task, std::span<const float> logits) const;
  /// The task with what its kind chooses by its development files, as they were predicted (the
  /// thresholds of labels); by default as it is.
  virtual Task tuned(const Task& task, const std::vector<DecodedFile>& files) const;
  /// The task with what tuned() would choose as a saved model's task has it: whoever scores a model
  /// must not choose by the file that it scores. The saved task has the same labels, in any order.
  virtual Task settled(const Task& task, const Task& /*saved*/) const { return task; }
  /// How well a file with labels was predicted.
  virtual Measures measure(const Task& task, const DecodedFile& file) const = 0;
  virtual AnalysisForm analysis_form() const = 0;
  /// Example `number` of those that were compared.
  virtual DevRow dev_row(const Task& task, const DecodedFile& file, int64_t number) const = 0;
  /// Writes what an evaluation leaves beside its scores; file names begin with `prefix`.
  virtual bool writes_files() const { return false; }
  virtual void write_files(const Task& task, const DecodedFile& file,
                           const std::string& prefix) const;

  /// A prediction as JSON and as fields of TSV, numbers with 4 decimals, under these names.
  virtual OrderedJson to_json(const Task& task, const Prediction& prediction) const = 0;
  virtual std::vector<std::string> field_names() const = 0;
  virtual std::vector<std::string> fields(const Task& task, const Prediction& prediction) const = 0;
  /// As a server gives it: by default to_json(); labels and values are a list of
  /// {"label": ..., "score": ...}, the highest first. `raw`: logits in place of probabilities.
  virtual OrderedJson to_scores(const Task& task, const Prediction& prediction, bool raw) const;
  /// As GLUE's server takes it.
  virtual std::string submitted(const Task& task, const Prediction& prediction) const;

  // --- A teacher.

  /// Whether heads learn from the logits of another head for the same task, too (--teacher).
  virtual bool learns_from_teacher() const { return false; }
  /// Adds what the teacher says of a segment's examples (PackedBatch::taught) to the layout of
  /// their losses, in which it counts PackedBatch::teacher_weight and their targets the rest.
  virtual void add_teacher(const PackedBatch& batch, const Segment& segment,
                           LossLayout& layout) const;
};

const Kind& kind_of(TaskKind kind);
inline const Kind& kind_of(const Task& task) { return kind_of(task.kind); }

/// The names of the kinds that learn from a teacher (Kind::learns_from_teacher).
std::vector<std::string> kinds_with_teacher();

/// The names of the kinds whose tasks flags alone can describe (Kind::usual_name).
std::vector<std::string> kinds_of_flags();

/// Outputs of the task's head for a row, or for a token.
inline int64_t num_outputs(const Task& task) { return kind_of(task).num_outputs(task); }

/// Their names: the labels, or none (Kind::outputs_are_labels).
std::vector<std::string> output_names(const Task& task);

/// Why the task cannot be measured by the metric, with what to do; empty if it can.
std::string metric_problem(Metric metric, const Task& task);

/// Throws Error if the task has no metric or one that does not fit it (metric_problem).
void check_metrics(const Task& task);

}  // namespace pals
