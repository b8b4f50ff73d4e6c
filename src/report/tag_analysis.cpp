// Of tags of words, and the entities that they mark.
#include <algorithm>
#include <memory>
#include <unordered_map>

#include "base/error.h"
#include "base/text_util.h"
#include "eval/entities.h"
#include "kinds/tagged_files.h"
#include "report/kind_analysis.h"

namespace pals {
namespace {

/// What the metrics add up, of one text.
struct TagCounts {
  EntityCounts entities;
  int64_t words = 0, right = 0;
};

/// How tags are read; where no task says it, as BIO if that fits them.
TaggingSettings settings_of(const Task* task, const std::vector<std::string>& labels) {
  if (task != nullptr) return task->settings.get<TaggingSettings>();
  TaggingSettings settings;
  const bool bio = std::ranges::all_of(
      labels, [](const std::string& label) { return is_tag_of(label, TagScheme::kBio); });
  if (!bio) settings.scheme = TagScheme::kPlain;
  return settings;
}

std::vector<Entity> entities_of(const std::vector<int32_t>& numbers, const TagTable& table,
                                const TaggingSettings& settings) {
  std::vector<Tag> tags;
  for (const int32_t number : numbers) {
    tags.push_back(number < 0 ? Tag() : table.tags[static_cast<size_t>(number)]);
  }
  return find_entities(tags, settings.scheme, settings.strict);
}

void count_entities(const std::vector<Entity>& gold, const std::vector<Entity>& found,
                    std::vector<ClassScores>& types) {
  size_t place = 0;  // both are in order
  for (const Entity& entity : gold) {
    ClassScores& scores = types[static_cast<size_t>(entity.type)];
    ++scores.gold;
    while (place < found.size() && found[place].first < entity.first) ++place;
    if (place < found.size() && found[place] == entity) ++scores.right;
  }
  for (const Entity& entity : found) ++types[static_cast<size_t>(entity.type)].predicted;
}

}  // namespace

void analyse_tags(const TaskPredictions& predictions, const Task* task, TaskAnalysis& analysis) {
  const std::vector<std::string>& labels = predictions.head.labels;
  const TaggingSettings settings = settings_of(task, labels);
  const bool plain = settings.scheme == TagScheme::kPlain;
  const TagTable table(labels, settings.scheme);
  std::unordered_map<std::string, int32_t> numbers;
  for (const std::string& label : labels) {
    numbers.emplace(label, static_cast<int32_t>(numbers.size()));
  }
  const auto numbers_of = [&](const Json& value) {
    std::vector<int32_t> tags;
    for (const std::string& tag : texts_of(value)) {
      const auto found = numbers.find(tag);
      tags.push_back(found == numbers.end() ? -1 : found->second);
    }
    return tags;
  };
  ConfusionMatrix matrix(labels.size());
  std::vector<ClassScores> types(table.types.size());
  std::vector<int64_t> frequency(labels.size());
  auto counts = std::make_shared<std::vector<TagCounts>>(predictions.rows.size());
  for (size_t i = 0; i < predictions.rows.size(); ++i) {
    const PredictionRecord& row = predictions.rows[i];
    const std::vector<int32_t> gold = numbers_of(row.gold), said = numbers_of(row.prediction);
    if (gold.size() != said.size()) {
      ++analysis.left_out;
      continue;
    }
    TagCounts& own = (*counts)[i];
    for (size_t w = 0; w < gold.size(); ++w) {
      if (gold[w] < 0 || said[w] < 0) continue;  // a word without a tag
      matrix.add(static_cast<size_t>(gold[w]), static_cast<size_t>(said[w]));
      ++frequency[static_cast<size_t>(gold[w])];
      ++own.words;
      own.right += gold[w] == said[w] ? 1 : 0;
    }
    if (!plain) {
      const auto given = entities_of(gold, table, settings);
      const auto found = entities_of(said, table, settings);
      own.entities.add(given, found);
      count_entities(given, found, types);
    }
    if (own.right == own.words) continue;
    const int64_t wrong = own.words - own.right;
    analysis.wrong.push_back(
        {.number = i,
         .badness = static_cast<double>(wrong),
         .gold = join(texts_of(row.gold), " "),
         .prediction = join(texts_of(row.prediction), " "),
         .measure = concat(counted(static_cast<int64_t>(wrong), "wrong word"), " of ", own.words)});
  }
  analysis.wrong_order = "ordered by the number of wrong words";
  analysis.classes_are = plain ? "tag" : "entity";
  for (size_t i = 0; i < (plain ? labels.size() : types.size()); ++i) {
    analysis.classes.push_back(
        {plain ? labels[i] : std::string(table.types[i]), plain ? matrix.scores(i) : types[i]});
  }
  if (matrix.total() > 0) {
    const size_t most = most_frequent(frequency);
    analysis.baseline = {
        "always " + labels[most], "accuracy",
        static_cast<double>(frequency[most]) / static_cast<double>(matrix.total())};
  }
  analysis.matrix_labels = labels;
  analysis.matrix = std::move(matrix);
  analysis.metric_names = {"accuracy"};
  if (!plain) analysis.metric_names = {"f1", "precision", "recall", "accuracy"};
  analysis.statistic = [counts, plain](std::span<const uint32_t> rows) {
    TagCounts sum;
    for (const uint32_t row : rows) {
      const TagCounts& own = (*counts)[row];
      sum.entities.right += own.entities.right;
      sum.entities.gold += own.entities.gold;
      sum.entities.predicted += own.entities.predicted;
      sum.words += own.words;
      sum.right += own.right;
    }
    const double share =
        sum.words == 0 ? 0.0 : static_cast<double>(sum.right) / static_cast<double>(sum.words);
    if (plain) return std::vector<double>{share};
    return std::vector<double>{sum.entities.f1(), sum.entities.precision(), sum.entities.recall(),
                               share};
  };
}

}  // namespace pals
