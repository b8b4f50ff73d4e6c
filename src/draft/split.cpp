#include "draft/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "base/text_util.h"
#include "base/unpack.h"
#include "catalog/reader.h"
#include "catalog/task_json.h"
#include "draft/line_watch.h"
#include "kinds/kind.h"
#include "tasks/rows.h"

namespace pals {
namespace {

/// A training file as it is read.
struct ReadRows {
  Task task;
  std::vector<Example> examples;
  LineWatch lines;

  const DataFile& file() const { return task.files.front(); }
};

ReadRows read_rows_of(const Json& described) {
  ReadRows read{.task = parse_task(described, "the task")};
  const DataFile& file = read.file();
  if (file.format == FileFormat::kSquad) {
    fail(file.path, ": --dev_fraction splits no SQuAD files; give a dev file of your own");
  }
  if (kind_of(read.task).has_labels()) {
    read.task.labels = labels_in_file(read.task, file, "", &read.lines);
    read.lines.begin();
  }
  read.examples = read_examples(read.task, file, "", &read.lines).examples;
  return read;
}

/// What the texts of a row have in common with those that are nearly the same.
std::string key_of(const Example& example) {
  std::string all = concat(example.text_a, '\x1F', example.text_b);
  for (const std::string& choice : example.choices) all += '\x1F' + choice;
  std::string key;
  for (const char c : ascii_lower(all)) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter || c == '\x1F' || static_cast<unsigned char>(c) >= 0x80) key += c;
  }
  return key.find_first_not_of('\x1F') == std::string::npos ? all : key;
}

/// Rows of one text.
using Rows = std::vector<size_t>;

/// Of each class the rows by their texts; of other kinds of tasks all are one class.
std::map<int64_t, std::vector<Rows>> groups_of(const ReadRows& read) {
  std::map<int64_t, std::vector<Rows>> classes;
  std::unordered_map<std::string, std::pair<int64_t, size_t>> known;  // class and group
  for (size_t row = 0; row < read.examples.size(); ++row) {
    const Example& example = read.examples[row];
    const int64_t label = kind_of(read.task).label_rule() == LabelRule::kOne
                              ? static_cast<int64_t>(example.targets.front())
                              : 0;
    std::vector<Rows>& groups = classes[label];
    const auto [found, added] = known.emplace(key_of(example), std::pair(label, groups.size()));
    if (added) groups.emplace_back();
    classes[found->second.first][found->second.second].push_back(row);
  }
  return classes;
}

/// Which rows are for scoring.
std::vector<uint8_t> choose_dev(const ReadRows& read, const SplitRules& rules) {
  std::vector<uint8_t> dev(read.examples.size());
  double owed = 0.0;  // rows that the classes so far should have given
  for (auto& [label, groups] : groups_of(read)) {
    Random random(rules.seed, static_cast<uint64_t>(label));
    shuffle(groups, random);
    size_t rows = 0;
    for (const Rows& group : groups) rows += group.size();
    owed += rules.dev_fraction * static_cast<double>(rows);
    size_t left = groups.size();
    for (const Rows& group : groups) {
      const bool fits = static_cast<double>(group.size()) <= owed + 0.5;
      if (!fits || left == 1) continue;  // one text of each class is learned
      owed -= static_cast<double>(group.size());
      --left;
      for (const size_t row : group) dev[row] = 1;
    }
  }
  return dev;
}

/// Where the lines of a text begin; line 1 first.
std::vector<size_t> line_starts(std::string_view text, LineEnds ends) {
  std::vector<size_t> starts = {0};
  for (size_t i = 0; i < text.size(); ++i) {
    const bool cr = text[i] == '\r' && ends == LineEnds::kAny && text.substr(i + 1, 1) != "\n";
    if (text[i] == '\n' || cr) starts.push_back(i + 1);
  }
  return starts;
}

/// Where the examples of a text begin, with the comments above them.
std::vector<size_t> example_starts(const ReadRows& read, std::string_view text) {
  const bool csv = read.file().format == FileFormat::kCsv;
  const bool sentences =
      read.file().format == FileFormat::kConll || read.file().format == FileFormat::kConllu;
  const std::vector<size_t> starts = line_starts(text, line_ends_of(text, csv));
  std::vector<size_t> begins;
  for (const int64_t line : read.lines.lines()) {
    auto place = static_cast<size_t>(line) - 1;
    while (sentences && place > 0 && text[starts[place - 1]] == '#') --place;
    begins.push_back(starts[place]);
  }
  return begins;
}

}  // namespace

SplitFile split_file(const Json& described, const SplitRules& rules) {
  const ReadRows read = read_rows_of(described);
  const std::string& path = read.file().path;
  const std::vector<uint8_t> dev = choose_dev(read, rules);
  SplitFile split;
  split.dev_rows = std::ranges::count(dev, uint8_t{1});
  split.train_rows = static_cast<int64_t>(dev.size()) - split.dev_rows;
  split.faulty_rows = read.lines.faults();
  if (split.dev_rows == 0) {
    fail(path, ": --dev_fraction ", rules.dev_fraction, " of ", counted(std::ssize(dev), "row"),
         " leaves none to score by; give a larger share, or a dev file of your own");
  }
  const UnpackedFile content(path);
  const std::string_view text = text_of_file(content.bytes(), path);
  const std::vector<size_t> begins = example_starts(read, text);
  split.train = text.substr(0, begins.front());
  if (read.file().header) split.dev = split.train;
  for (size_t row = 0; row < dev.size(); ++row) {
    const size_t end = row + 1 < dev.size() ? begins[row + 1] : text.size();
    (dev[row] != 0 ? split.dev : split.train) += text.substr(begins[row], end - begins[row]);
  }
  return split;
}

}  // namespace pals
