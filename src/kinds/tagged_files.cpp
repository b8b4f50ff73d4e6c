#include "kinds/tagged_files.h"

#include <algorithm>
#include <memory>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "base/text_util.h"
#include "base/utf8.h"
#include "tasks/tagged_text.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

constexpr size_t kMostCollectedTags = 1000;

const TaggingSettings& tag_settings_of(const Task& task) {
  return task.settings.get<TaggingSettings>();
}

std::unique_ptr<TaggedReader> open_reader(const Task& task, const DataFile& file,
                                          std::string_view bytes, const std::string& where) {
  if (file.format == FileFormat::kJsonl) {
    return std::make_unique<TaggedJsonReader>(file, bytes, where);
  }
  return std::make_unique<ConllReader>(
      file, bytes, where, [scheme = tag_settings_of(task).scheme](std::string_view tag) {
        return is_tag_of(tag, scheme);
      });
}

/// The tags of a text with spans: a word that a span touches is the span's.
std::vector<std::string> tags_of_spans(const TaggedText& text, const TaggingSettings& settings,
                                       const std::string& position) {
  const auto places = characters_of(text.text, words_to_tag(text.text, settings.rows));
  std::vector<std::string> types;
  std::vector<Entity> entities;
  for (const TypedSpan& span : text.spans) {
    Entity entity{static_cast<int32_t>(types.size()), -1, -1};
    for (size_t word = 0; word < places.size(); ++word) {
      if (places[word].second <= span.first || places[word].first >= span.last) continue;
      if (entity.first < 0) entity.first = static_cast<int64_t>(word);
      entity.last = static_cast<int64_t>(word) + 1;
    }
    if (entity.first < 0) {
      fail(position, ": the span ", span.first, " to ", span.last, " holds no word");
    }
    if (!entities.empty() && entities.back().last > entity.first) {
      fail(position, ": two spans share the word at character ",
           places[static_cast<size_t>(entity.first)].first,
           settings.rows.punctuation ? "" : "; \"words\": \"punctuation\" cuts words there, too");
    }
    const auto known = std::ranges::find(types, span.type);
    entity.type = static_cast<int32_t>(known - types.begin());
    if (known == types.end()) types.push_back(span.type);
    entities.push_back(entity);
  }
  return mark_entities(entities, types, static_cast<int64_t>(places.size()), settings.scheme);
}

/// The text and the tags of a sentence, whatever the file has.
std::string plain_text(TaggedText& sentence, const TaggingSettings& settings, bool labelled,
                       const std::string& position) {
  if (!sentence.is_text) return text_of_words(sentence.words);
  if (labelled) sentence.tags = tags_of_spans(sentence, settings, position);
  return std::move(sentence.text);
}

}  // namespace

std::vector<std::string> words_of(const std::string& text, const TaggingSettings& settings) {
  std::vector<std::string> words;
  for (const std::string_view word : words_to_tag(text, settings.rows)) words.emplace_back(word);
  return words;
}

std::vector<std::pair<int64_t, int64_t>> characters_of(const std::string& text,
                                                       const std::vector<std::string_view>& words) {
  std::vector<std::pair<int64_t, int64_t>> places;
  const char* at = text.data();
  int64_t characters = 0;
  for (const std::string_view word : words) {
    characters +=
        static_cast<int64_t>(count_code_points({at, static_cast<size_t>(word.data() - at)}));
    const auto length = static_cast<int64_t>(count_code_points(word));
    places.emplace_back(characters, characters + length);
    characters += length;
    at = word.data() + word.size();
  }
  return places;
}

ExampleSet read_tagged_file(const Task& task, const DataFile& file, std::string_view bytes,
                            const std::string& where, RowWatch* watch) {
  std::unordered_map<std::string_view, float> numbers;
  for (const std::string& label : task.labels) {
    numbers.emplace(label, static_cast<float>(numbers.size()));
  }
  const TaggingSettings& settings = tag_settings_of(task);
  const auto reader = open_reader(task, file, bytes, where);
  ExampleSet set;
  TaggedText sentence;
  bool more = true;
  const auto read_text = [&] {
    more = reader->next(sentence);
    if (!more) return;
    Example example;
    const std::string position = reader->position();
    if (settings.rows.punctuation && !sentence.is_text) {
      fail(position, ": \"words\": \"punctuation\" is for texts with spans; here words stand by ",
           "themselves");
    }
    example.text_a = plain_text(sentence, settings, file.label.has_value(), position);
    for (const std::string& tag : sentence.tags) {
      const auto found = numbers.find(tag);
      if (found == numbers.end()) {
        fail(position, ": unknown tag ", quote(tag), " for task ", quote(task.name),
             " (labels: ", quote_list(task.labels), ")", did_you_mean(tag, task.labels));
      }
      example.targets.push_back(found->second);
    }
    set.examples.push_back(std::move(example));
    if (watch != nullptr) watch->example(reader->line());
  };
  while (more) watched(watch, read_text);
  if (set.examples.empty()) fail(where, ": no words in the file");
  return set;
}

std::vector<std::string> tags_in_file(const Task& task, const DataFile& file,
                                      std::string_view bytes, const std::string& where,
                                      RowWatch* watch) {
  const TaggingSettings& settings = tag_settings_of(task);
  const auto reader = open_reader(task, file, bytes, where);
  std::set<std::string> found;
  TaggedText sentence;
  bool more = true;
  const auto read_text = [&] {
    more = reader->next(sentence);
    if (!more) return;
    plain_text(sentence, settings, true, reader->position());
    for (const std::string& tag : sentence.tags) {
      if (found.size() == kMostCollectedTags && !found.contains(tag)) {
        fail(reader->position(), ": task ", quote(task.name), " has more than ", kMostCollectedTags,
             " different tags; are they in another column?");
      }
      found.insert(tag);
    }
  };
  while (more) watched(watch, read_text);
  if (found.empty()) fail(where, ": no words in the file");
  std::set<std::string> labels;
  for (const std::string& tag : found) {
    labels.insert(tag);
    const bool typed =
        settings.scheme != TagScheme::kPlain && tag.size() > 2 && is_tag_of(tag, settings.scheme);
    if (!typed) continue;
    labels.insert("O");
    for (std::string& other : tags_of_type(tag.substr(2), settings.scheme)) {
      labels.insert(std::move(other));
    }
  }
  return {labels.begin(), labels.end()};
}

}  // namespace pals
