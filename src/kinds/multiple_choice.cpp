// Multiple choice: a context, and one of several texts that go on from it.
#include "base/error.h"
#include "base/text_util.h"
#include "kinds/choosing.h"
#include "kinds/kind.h"
#include "kinds/row_reading.h"

namespace pals {
namespace {

constexpr int64_t kRandomChoices = 4;

class MultipleChoiceKind : public Kind {
 public:
  const std::vector<Metric>& metrics() const override {
    static const std::vector<Metric> all = {Metric::kAccuracy};
    return all;
  }
  const std::vector<std::string>& keys() const override {
    static const std::vector<std::string> none;
    return none;
  }
  void read_keys(const Json& /*object*/, const std::string& /*where*/,
                 Task& /*task*/) const override {}
  void write_keys(const Task& /*task*/, Json& /*object*/) const override {}
  FileLayout file_layout() const override {
    return {.text_a = "context", .text_b = "start", .choices = "choices"};
  }
  const char* usual_name() const override { return "swag"; }
  Json usual_columns(const std::string& path) const override {
    if (format_of_name(path) == FileFormat::kJsonl) {
      return {{"context", "context"}, {"choices", "choices"}, {"label", "label"}};
    }
    Json columns = {{"context", "sent1"}, {"start", "sent2"}, {"label", "label"}};
    for (int i = 0; i < 4; ++i) columns["choices"].push_back(concat("ending", i));
    return columns;
  }

  ExampleSet read(const Task& task, const DataFile& file, std::string_view bytes,
                  const std::string& where, RowWatch* watch) const override {
    const auto number_of = [&](const TextRow& row, const RowPlace& place) {
      const std::optional<int64_t> number = parse_int(plain_label(row.label));
      if (number && *number >= 0 && *number < static_cast<int64_t>(row.choices.size())) {
        return std::vector<float>{static_cast<float>(*number)};
      }
      fail(place.position(), ": label ", quote(row.label), " of task ", quote(task.name),
           ", want the number of the right choice, 0 to ", row.choices.size() - 1,
           place.hint(row.label));
    };
    const auto check = [](const TextRow& row, const RowPlace& place) {
      check_choices(row.choices, place.position());
    };
    return read_rows(file, bytes, where, number_of, check, watch);
  }
  void check_features(const FeatureSet& features, int64_t /*num_outputs*/) const override {
    for (int64_t e = 0; e < features.num_examples(); ++e) {
      check_choice(features.targets_of(e), e, features.first_row(e + 1) - features.first_row(e));
    }
  }
  bool has_pairs(const DataFile& /*file*/) const override { return true; }

  ForeignHead foreign_head() const override { return ForeignHead::kChoices; }
  LossLayout loss_layout(const PackedBatch& batch, const Segment& segment,
                         int64_t /*num_outputs*/) const override {
    LossLayout layout;
    layout.num_logits = segment.last_row - segment.first_row;
    for_each_example(
        batch, segment, [&](std::span<const float> targets, int64_t first, int64_t last) {
          layout.groups.push_back(
              {first, last - first, 1, chosen_of(targets, last - first, "choices"), 1.0});
          layout.end_example();
        });
    return layout;
  }
  bool learns_from_teacher() const override { return true; }
  void add_teacher(const PackedBatch& batch, const Segment& segment,
                   LossLayout& layout) const override {
    add_choosing_teacher(batch, segment, layout);
  }
  int64_t random_rows() const override { return kRandomChoices; }
  std::vector<float> random_targets(const Task& /*task*/, int64_t /*row_length*/,
                                    Random& random) const override {
    return {static_cast<float>(random.below(kRandomChoices))};
  }

  InputTraits input() const override { return {.choices = true}; }
  // Those that the task was trained with.
  std::optional<DataFile> input_columns(const Task& task) const override {
    DataFile file;
    if (task.files.empty()) {
      file.text_a = {std::nullopt, "context"};
      file.choices = {{std::nullopt, "choices"}};
      return file;
    }
    const DataFile& own = task.files.front();
    file.header = own.header;
    file.text_a = own.text_a;
    file.text_b = own.text_b;
    file.choices = own.choices;
    return file;
  }
  RowForm row_form(const Task& task) const override { return {task.kind, {}}; }
  void encode(const RowForm& /*form*/, const Example& text, const TextRules& rules,
              FeatureSet& features) const override {
    if (text.choices.empty()) fail_usage("choices are missing: a task chooses among them");
    encode_example(text, rules.tokenizer, rules.max_seq_length, features, rules.truncation);
  }
  Prediction decode_example(const Task& /*task*/, std::span<const float> logits) const override {
    return choose_likeliest(logits);
  }
  Measures measure(const Task& task, const DecodedFile& file) const override {
    return measure_labels(task, file);
  }
  AnalysisForm analysis_form() const override { return AnalysisForm::kChoice; }
  DevRow dev_row(const Task& /*task*/, const DecodedFile& file, int64_t number) const override {
    return {.gold = static_cast<int64_t>(file.features.targets_of(number).front()),
            .prediction = file.predictions[static_cast<size_t>(number)].label};
  }
  OrderedJson to_json(const Task& /*task*/, const Prediction& prediction) const override {
    return {{"choice", prediction.label}, {"probabilities", prediction.probabilities}};
  }
  std::vector<std::string> field_names() const override { return {"choice", "probability"}; }
  std::vector<std::string> fields(const Task& /*task*/,
                                  const Prediction& prediction) const override {
    return {std::to_string(prediction.label),
            format_double(prediction.probabilities[static_cast<size_t>(prediction.label)], 4)};
  }
};

}  // namespace

const Kind& multiple_choice_kind() {
  static const MultipleChoiceKind kind;
  return kind;
}

}  // namespace pals
