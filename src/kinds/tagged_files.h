// Files of taggings: words with tags, or texts with spans, as texts with a tag for each word.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eval/entities.h"
#include "features/tagging_features.h"
#include "tasks/row_watch.h"
#include "tasks/task.h"

namespace pals {

/// What a tagging alone knows.
struct TaggingSettings {
  TagScheme scheme = TagScheme::kBio;
  bool strict = false;  ///< entities are found in seqeval's mode "strict"
  TaggingRows rows;

  bool operator==(const TaggingSettings&) const = default;
};

/// The words of a text as a task cuts it.
std::vector<std::string> words_of(const std::string& text, const TaggingSettings& settings);

/// Where the words of a text begin and end, counted in characters.
std::vector<std::pair<int64_t, int64_t>> characters_of(const std::string& text,
                                                       const std::vector<std::string_view>& words);

/// The examples of a file: text_a, and a tag's number for each of its words. Throws Error for what
/// its reader refuses, unknown tags, spans that hold no word or share one, and a file without
/// words. Errors of single texts go to `watch`, if there is one.
ExampleSet read_tagged_file(const Task& task, const DataFile& file, std::string_view bytes,
                            const std::string& where, RowWatch* watch);

/// All tags of each type that a file has, sorted bytewise, so that another file may have others of
/// them. Throws Error, or tells the watch, as read_tagged_file, and past 1,000 different tags.
std::vector<std::string> tags_in_file(const Task& task, const DataFile& file,
                                      std::string_view bytes, const std::string& where,
                                      RowWatch* watch);

}  // namespace pals
