// Tagging: a text, and a tag for each of its words.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "eval/entities.h"
#include "features/tagging_features.h"
#include "kinds/choosing.h"
#include "kinds/kind.h"
#include "kinds/row_reading.h"
#include "kinds/tagged_files.h"
#include "kinds/tsv_text.h"
#include "tasks/json_values.h"

namespace pals {
namespace {

constexpr int64_t kMostTaggedTokens = 1 << 20;

const TaggingSettings& settings_of(const Task& task) {
  return task.settings.get<TaggingSettings>();
}

/// One of two texts as a truth value.
bool is_second(const Json& value, const char* key, const char* first, const char* second,
               const std::string& where) {
  const std::string& name = string_of(value, key, where);
  if (name != first && name != second) {
    fail_usage(where, ": ", quote(key), " is ", quote(name), ", want ", quote(first), " or ",
               quote(second));
  }
  return name == second;
}

/// Of its name or another usual one, in letters of any case.
TagScheme scheme_from(const std::string& name, const std::string& where) {
  const std::string lower = ascii_lower(name);
  if (lower == "iob2") return TagScheme::kBio;
  if (lower == "iobes") return TagScheme::kBioes;
  const std::optional<TagScheme> scheme = from_name<TagScheme>(lower);
  if (scheme) return *scheme;
  const std::vector<std::string> names = all_names<TagScheme>();
  fail_usage(where, ": unknown scheme ", quote(name), did_you_mean(name, names),
             " (schemes: ", quote_list(names), ")");
}

std::vector<Tag> tags_of(const TagTable& table, const std::vector<int32_t>& labels) {
  std::vector<Tag> tags;
  for (const int32_t label : labels) {
    tags.push_back(label < 0 ? Tag() : table.tags[static_cast<size_t>(label)]);
  }
  return tags;
}

std::vector<int32_t> predicted_tags(const Prediction& prediction) {
  std::vector<int32_t> tags;
  for (const TaggedWord& word : prediction.words) tags.push_back(word.tag);
  return tags;
}

/// -1 for a word without.
std::vector<int32_t> gold_tags(const DecodedFile& file, const Prediction& prediction) {
  std::vector<int32_t> tags;
  for (const TaggedWord& word : prediction.words) {
    const std::span<const float> targets = file.features.targets_of(word.row);  // a row an example
    tags.push_back(
        targets.empty() ? -1 : static_cast<int32_t>(targets[static_cast<size_t>(word.position)]));
  }
  return tags;
}

std::vector<std::string> names_of(const Task& task, const std::vector<int32_t>& tags) {
  std::vector<std::string> names;
  for (const int32_t tag : tags) {
    names.push_back(tag < 0 ? "" : task.labels[static_cast<size_t>(tag)]);
  }
  return names;
}

class Tagging : public Kind {
 public:
  const std::vector<Metric>& metrics() const override {
    static const std::vector<Metric> all = {Metric::kF1, Metric::kPrecision, Metric::kRecall,
                                            Metric::kAccuracy};
    return all;
  }
  std::vector<Metric> usual_metrics(const Task& task) const override {
    if (settings_of(task).scheme == TagScheme::kPlain) return {Metric::kAccuracy};
    return {Metric::kF1, Metric::kPrecision, Metric::kRecall};
  }
  std::string metric_problem(Metric metric, const Task& task) const override {
    if (metric == Metric::kAccuracy || settings_of(task).scheme != TagScheme::kPlain) return "";
    return concat("the metric \"", metric_name(metric), "\" is of entities, which the scheme ",
                  "\"plain\" has none of; use accuracy");
  }
  const std::vector<std::string>& keys() const override {
    static const std::vector<std::string> own = {"labels", "scheme", "entities", "words",
                                                 "doc_stride"};
    return own;
  }
  void read_keys(const Json& object, const std::string& where, Task& task) const override {
    TaggingSettings settings;
    if (object.contains("labels")) task.labels = labels_from_json(object["labels"], where);
    if (object.contains("scheme")) {
      settings.scheme = scheme_from(string_of(object["scheme"], "scheme", where), where);
    }
    if (object.contains("entities")) {
      settings.strict = is_second(object["entities"], "entities", "default", "strict", where);
    }
    if (object.contains("words")) {
      settings.rows.punctuation =
          is_second(object["words"], "words", "blanks", "punctuation", where);
    }
    if (object.contains("doc_stride")) {
      settings.rows.doc_stride = static_cast<int>(
          integer_of(object["doc_stride"], "doc_stride", 1, kMostTaggedTokens, where));
    }
    task.settings = settings;
  }
  void write_keys(const Task& task, Json& object) const override {
    const TaggingSettings& settings = settings_of(task);
    object["labels"] = task.labels;
    object["scheme"] = name_of(settings.scheme);
    object["entities"] = settings.strict ? "strict" : "default";
    object["words"] = settings.rows.punctuation ? "punctuation" : "blanks";
    object["doc_stride"] = settings.rows.doc_stride;
  }
  FileLayout file_layout() const override {
    return {.text_a = "text",
            .text_b = nullptr,
            .formats = {FileFormat::kConll, FileFormat::kConllu, FileFormat::kJsonl},
            .tokens = "tokens",
            .tags = "tags"};
  }
  std::optional<DataFile> usual_file(FileFormat format) const override {
    DataFile file;
    if (format == FileFormat::kJsonl) {
      file.text_a.name = "tokens";
      file.label.emplace().name = "tags";
    } else {  // CoNLL-U: FORM and UPOS
      const bool universal = format == FileFormat::kConllu;
      file.text_a.number = universal ? 1 : 0;
      file.label.emplace().number = universal ? 3 : -1;
    }
    return file;
  }
  bool has_labels() const override { return true; }
  // Tags of types that a file has need not all be there.
  LabelTraits label_traits() const override { return {.unit = "words", .all_occur = false}; }
  Json keys_for(const std::vector<std::string>& labels) const override {
    for (const TagScheme scheme : {TagScheme::kBio, TagScheme::kBioes}) {
      const auto fits = [&](const std::string& label) { return is_tag_of(label, scheme); };
      if (std::ranges::all_of(labels, fits)) return {{"scheme", name_of(scheme)}};
    }
    return {{"scheme", name_of(TagScheme::kPlain)}};
  }
  // A word's tag is of more than its sentence's text.
  bool text_decides() const override { return false; }
  bool has_windows() const override { return true; }
  std::string problem(const Task& task) const override {
    for (const DataFile& file : task.files) {
      if (!file.unlabelled.empty()) return "\"unlabelled\" is not for words, which all have a tag";
    }
    const TaggingSettings& settings = settings_of(task);
    for (const std::string& label : task.labels) {
      if (is_tag_of(label, settings.scheme)) continue;
      return concat(
          "the label ", quote(label), " is no tag of the scheme \"", name_of(settings.scheme),
          "\" (",
          settings.scheme == TagScheme::kBioes ? "O, B-X, I-X, E-X and S-X" : "O, B-X and I-X",
          "); give another \"scheme\", \"plain\" for any tags");
    }
    return "";
  }
  std::vector<std::string> find_labels(const Task& task, const DataFile& file,
                                       std::string_view bytes, const std::string& where,
                                       RowWatch* watch) const override {
    return tags_in_file(task, file, bytes, where, watch);
  }

  ExampleSet read(const Task& task, const DataFile& file, std::string_view bytes,
                  const std::string& where, RowWatch* watch) const override {
    return read_tagged_file(task, file, bytes, where, watch);
  }
  // A text is cut into as many rows as it needs.
  std::optional<int64_t> count_examples(const ExampleSet& /*set*/) const override { return {}; }
  FeatureSet make_features(const Task& task, const ExampleSet& set, bool training,
                           const TextRules& rules, const Workers& workers) const override {
    return make_tagging_features(set.examples,
                                 {rules.tokenizer, settings_of(task).rows, rules.max_seq_length},
                                 training, workers.threads, workers.stop);
  }
  Json encoding_keys(const Task& task) const override {
    const TaggingSettings& settings = settings_of(task);
    return {task.labels, name_of(settings.scheme), settings.rows.doc_stride,
            settings.rows.punctuation};
  }
  void check_features(const FeatureSet& features, int64_t num_outputs) const override {
    check_single_rows(features);
    for (int64_t e = 0; e < features.num_examples(); ++e) {
      const std::span<const float> targets = features.targets_of(e);
      if (targets.empty()) continue;
      const bool tags = std::ranges::all_of(targets, [&](float tag) {
        return tag >= -1.0F && tag < static_cast<float>(num_outputs) && tag == std::floor(tag);
      });
      if (!tags || static_cast<int64_t>(targets.size()) != features.row_length(e)) {
        fail("example ", e, " has no tag for each token");
      }
    }
    // How words are cut only the task knows, decode() looks at it.
    if (features.texts.tokens.size() != features.texts.questions.contexts.size()) {
      fail("its texts lack tokens");
    }
  }
  bool has_pairs(const DataFile& /*file*/) const override { return false; }

  HeadTraits head() const override {
    return {.name = "classifier", .described = "a tagger's (classifier)", .reads_tokens = true};
  }
  ForeignHead foreign_head() const override { return ForeignHead::kTags; }
  int64_t num_outputs(const Task& task) const override {
    return static_cast<int64_t>(task.labels.size());
  }
  // The mean over the first tokens of a row's words.
  LossLayout loss_layout(const PackedBatch& batch, const Segment& segment,
                         int64_t num_outputs) const override {
    LossLayout layout;
    layout.num_logits = num_outputs * (segment.last_token - segment.first_token);
    for_each_example(batch, segment, [&](std::span<const float> targets, int64_t row, int64_t) {
      const int64_t first =
          batch.cu_seqlens[static_cast<size_t>(segment.first_row + row)] - segment.first_token;
      const auto tagged = std::ranges::count_if(targets, [](float tag) { return tag >= 0.0F; });
      for (size_t token = 0; token < targets.size(); ++token) {
        if (targets[token] < 0.0F) continue;
        layout.groups.push_back({(first + static_cast<int64_t>(token)) * num_outputs, num_outputs,
                                 1, chosen_of(targets.subspan(token, 1), num_outputs, "tags"),
                                 1.0 / static_cast<double>(tagged)});
      }
      layout.end_example();
    });
    return layout;
  }
  std::vector<float> random_targets(const Task& task, int64_t row_length,
                                    Random& random) const override {
    const auto tags = static_cast<uint64_t>(std::max<int64_t>(1, num_outputs(task)));
    std::vector<float> targets;
    for (int64_t i = 0; i < row_length; ++i) {
      targets.push_back(static_cast<float>(random.below(tags)));
    }
    return targets;
  }

  RowForm row_form(const Task& task) const override { return {task.kind, settings_of(task).rows}; }
  InputTraits input() const override { return {.pairs = false}; }
  void encode(const RowForm& form, const Example& text, const TextRules& rules,
              FeatureSet& features) const override {
    if (!text.text_b.empty()) {
      fail_usage("a text to tag has a second text behind a tab; tags are of one text");
    }
    append_text_to_tag(text.text_a,
                       {rules.tokenizer, form.settings.get<TaggingRows>(), rules.max_seq_length},
                       features);
  }
  std::vector<Prediction> decode(const Task& task, const FeatureSet& features,
                                 std::span<const float> logits, const TextRules& /*rules*/,
                                 int /*threads*/) const override {
    const TaggingRows& rows = settings_of(task).rows;
    check_texts_to_tag(features.texts, rows);
    const auto places = places_of_words(features, rows.doc_stride);
    const auto width = static_cast<size_t>(num_outputs(task));
    std::vector<Prediction> predictions;
    for (size_t t = 0; t < places.size(); ++t) {
      const std::string& text = features.texts.questions.contexts[t];
      const std::vector<std::string_view> words = words_to_tag(text, rows);
      const auto characters = characters_of(text, words);
      Prediction& prediction = predictions.emplace_back();
      for (size_t w = 0; w < words.size(); ++w) {
        const WordPlace& place = places[t][w];
        const int64_t token = features.row_offsets[static_cast<size_t>(place.row)] + place.position;
        const Prediction tag =
            choose_likeliest(logits.subspan(static_cast<size_t>(token) * width, width));
        prediction.words.push_back(
            {std::string(words[w]), characters[w].first, characters[w].second, tag.label,
             tag.probabilities[static_cast<size_t>(tag.label)], place.row, place.position});
      }
      const TagTable table(task.labels, settings_of(task).scheme);
      for (const Entity& entity : entities_in(task, table, predicted_tags(prediction))) {
        const auto first = static_cast<size_t>(entity.first);
        const auto last = static_cast<size_t>(entity.last) - 1;
        const char* end = words[last].data() + words[last].size();
        prediction.spans.push_back(
            {std::string(table.types[static_cast<size_t>(entity.type)]),
             std::string(words[first].data(), static_cast<size_t>(end - words[first].data())),
             characters[first].first, characters[last].second});
      }
    }
    return predictions;
  }
  Measures measure(const Task& task, const DecodedFile& file) const override {
    const TaggingSettings& settings = settings_of(task);
    const TagTable table(task.labels, settings.scheme);
    EntityCounts counts;
    int64_t words = 0, right = 0, malformed_gold = 0, malformed = 0;
    for (const Prediction& prediction : file.predictions) {
      const std::vector<int32_t> gold = gold_tags(file, prediction);
      const std::vector<int32_t> said = predicted_tags(prediction);
      for (size_t w = 0; w < gold.size(); ++w) {
        words += gold[w] >= 0 ? 1 : 0;
        right += gold[w] >= 0 && gold[w] == said[w] ? 1 : 0;
      }
      malformed_gold += is_well_formed(tags_of(table, gold), settings.scheme) ? 0 : 1;
      malformed += is_well_formed(tags_of(table, said), settings.scheme) ? 0 : 1;
      counts.add(entities_in(task, table, gold), entities_in(task, table, said));
    }
    Measures measures{{}, static_cast<int64_t>(file.predictions.size())};
    for (const Metric metric : task.metrics) {
      measures.values.push_back(metric == Metric::kF1          ? counts.f1()
                                : metric == Metric::kPrecision ? counts.precision()
                                : metric == Metric::kRecall
                                    ? counts.recall()
                                    : static_cast<double>(right) /
                                          static_cast<double>(std::max<int64_t>(1, words)));
    }
    if (settings.scheme != TagScheme::kPlain) {
      measures.remark = concat(
          "of ", file.predictions.size(), " sequences of tags ", malformed, " predicted and ",
          malformed_gold, " given ones are not well-formed ", name_of(settings.scheme),
          "; entities are found in seqeval's mode ", settings.strict ? "strict" : "default");
    }
    return measures;
  }
  AnalysisForm analysis_form() const override { return AnalysisForm::kTags; }
  DevRow dev_row(const Task& task, const DecodedFile& file, int64_t number) const override {
    const Prediction& prediction = file.predictions[static_cast<size_t>(number)];
    return {.gold = names_of(task, gold_tags(file, prediction)),
            .prediction = names_of(task, predicted_tags(prediction))};
  }

  OrderedJson to_json(const Task& task, const Prediction& prediction) const override {
    OrderedJson words = OrderedJson::array(), spans = OrderedJson::array();
    for (const TaggedWord& word : prediction.words) {
      words.push_back({{"word", word.text},
                       {"tag", task.labels[static_cast<size_t>(word.tag)]},
                       {"probability", word.probability},
                       {"start", word.start},
                       {"end", word.end}});
    }
    for (const TaggedSpan& span : prediction.spans) {
      spans.push_back(
          {{"label", span.label}, {"text", span.text}, {"start", span.start}, {"end", span.end}});
    }
    return {{"words", std::move(words)}, {"spans", std::move(spans)}};
  }
  std::vector<std::string> field_names() const override { return {"words", "spans"}; }
  // WORD/TAG of each word, and LABEL:START-END of each span.
  std::vector<std::string> fields(const Task& task, const Prediction& prediction) const override {
    std::vector<std::string> words, spans;
    for (const TaggedWord& word : prediction.words) {
      words.push_back(concat(word.text, "/", task.labels[static_cast<size_t>(word.tag)]));
    }
    for (const TaggedSpan& span : prediction.spans) {
      spans.push_back(concat(span.label, ":", span.start, "-", span.end));
    }
    return {tsv_text(join(words, " ")), tsv_text(join(spans, " "))};
  }

 private:
  static std::vector<Entity> entities_in(const Task& task, const TagTable& table,
                                         const std::vector<int32_t>& labels) {
    const TaggingSettings& settings = settings_of(task);
    return find_entities(tags_of(table, labels), settings.scheme, settings.strict);
  }
};

}  // namespace

const Kind& tagging_kind() {
  static const Tagging kind;
  return kind;
}

}  // namespace pals
