// Fuzz target: looking at the rows of a data file of any format.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/error.h"
#include "draft/draft.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static const std::string folder = [] {
    std::string made = (std::filesystem::temp_directory_path() / "pals_draft_fuzz_XXXXXX").string();
    if (mkdtemp(made.data()) == nullptr) std::abort();
    return made;
  }();
  constexpr const char* kNames[] = {"/train.tsv",   "/train.csv",    "/train.jsonl",
                                    "/train.conll", "/train.conllu", "/train.json"};
  const std::string path = folder + kNames[data[0] % 6];
  std::ofstream(path, std::ios::binary)
      << std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    pals::draft_tasks({path}, folder);
  } catch (const pals::Error&) {
  }
  std::filesystem::remove(path);
  return 0;
}
