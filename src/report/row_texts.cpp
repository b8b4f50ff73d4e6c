#include "report/row_texts.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/text_util.h"
#include "catalog/reader.h"

namespace pals {
namespace {

NamedTexts texts_of(const ExampleSet& set, size_t row) {
  if (row < set.questions.questions.size()) {
    const Question& question = set.questions.questions[row];
    return {{"question", question.text},
            {"context", set.questions.contexts.at(static_cast<size_t>(question.context))}};
  }
  if (row >= set.examples.size()) return {};
  const Example& example = set.examples[row];
  NamedTexts texts = {{example.text_b.empty() ? "text" : "first", example.text_a}};
  if (!example.text_b.empty()) texts.emplace_back("second", example.text_b);
  for (size_t i = 0; i < example.choices.size(); ++i) {
    texts.emplace_back(concat("choice ", i), example.choices[i]);
  }
  return texts;
}

}  // namespace

RowTexts::RowTexts(const Task& task, std::string data_dir, HashOf hash)
    : task_(task), data_dir_(std::move(data_dir)), hash_(std::move(hash)) {}

const ExampleSet* RowTexts::read(const std::string& split) {
  const auto known = files_.find(split);
  if (known != files_.end()) return known->second.get();
  std::unique_ptr<ExampleSet>& set = files_[split];
  try {
    const DataFile* file = find_file(task_, split);
    if (file == nullptr) fail("the model folder names no ", quote(split), " file");
    const std::string path = data_path(*file, data_dir_), then = hash_(split);
    if (!then.empty() && file_hash_hex(path) != then) {
      fail(path, " has changed since the run began");
    }
    set = std::make_unique<ExampleSet>(read_examples(task_, *file, data_dir_));
  } catch (const std::exception& error) {
    problems_.push_back(concat("Texts are missing: ", error.what(), "."));
  }
  return set.get();
}

NamedTexts RowTexts::find(const std::string& split, int64_t row) {
  const ExampleSet* set = read(split);
  return set == nullptr || row < 0 ? NamedTexts() : texts_of(*set, static_cast<size_t>(row));
}

}  // namespace pals
