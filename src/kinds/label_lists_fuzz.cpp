// Fuzz target: files of taggings (CoNLL, CoNLL-U, JSONL) and of several labels a row. What is
// accepted has a tag for each word of its text, or a 0 or 1 for each label.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "features/tagging_features.h"
#include "kinds/kind.h"

namespace {

constexpr const char* kTaggings[] = {R"({"scheme": "bio"})", R"({"scheme": "iob1"})",
                                     R"({"scheme": "bioes"})", R"({"scheme": "plain"})"};

/// Reads the file with the labels that it has itself.
pals::ExampleSet read(pals::Task& task, const pals::DataFile& file, std::string_view bytes) {
  const pals::Kind& kind = pals::kind_of(task);
  task.labels = kind.find_labels(task, file, bytes, "fuzz", nullptr);
  return kind.read(task, file, bytes, "fuzz", nullptr);
}

void read_tags(uint8_t choice, std::string_view bytes) {
  pals::Task task{.name = "fuzz", .kind = pals::TaskKind::kTagging};
  const pals::Kind& kind = pals::kind_of(task);
  kind.read_keys(pals::parse_json(kTaggings[choice % 4], "fuzz"), "fuzz", task);
  constexpr pals::FileFormat kFormats[] = {pals::FileFormat::kConll, pals::FileFormat::kConllu,
                                           pals::FileFormat::kJsonl};
  pals::DataFile file = *kind.usual_file(kFormats[choice / 4 % 3]);
  file.split = "train";
  file.format = kFormats[choice / 4 % 3];
  for (const pals::Example& example : read(task, file, bytes).examples) {
    if (example.targets.size() != pals::words_to_tag(example.text_a, {}).size()) std::abort();
  }
}

void read_labels(uint8_t choice, std::string_view bytes) {
  pals::Task task{.name = "fuzz", .kind = pals::TaskKind::kMultiLabel};
  const pals::Kind& kind = pals::kind_of(task);
  pals::DataFile file{.split = "train"};
  file.format = pals::FileFormat::kJsonl;
  file.text_a.name = "a";
  file.label.emplace().name = "b";
  if (choice % 2 == 1) {
    kind.read_keys({{"label_separator", ","}}, "fuzz", task);
    file.format = pals::FileFormat::kTsv;
    file.text_a = {0, ""};
    file.label = {{1, ""}};
  }
  for (const pals::Example& example : read(task, file, bytes).examples) {
    if (example.targets.size() != task.labels.size()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    if (data[0] < 192) {
      read_tags(data[0], bytes);
    } else {
      read_labels(data[0], bytes);
    }
  } catch (const pals::Error&) {
  }
  return 0;
}
