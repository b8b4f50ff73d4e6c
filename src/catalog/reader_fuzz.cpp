// Fuzz target: data files of all three formats, by number and by name, with and without a header.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "kinds/kind.h"

namespace {

pals::Column column(bool named, int number, const char* name) {
  return named ? pals::Column{std::nullopt, name} : pals::Column{number, ""};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const uint8_t choice = data[0];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr pals::FileFormat kFormats[] = {pals::FileFormat::kTsv, pals::FileFormat::kCsv,
                                           pals::FileFormat::kJsonl};
  pals::DataFile file{.split = "train"};
  file.format = kFormats[choice % 3];
  const bool named = file.format == pals::FileFormat::kJsonl || (choice & 4) != 0;
  file.header = named || (choice & 8) != 0;
  file.text_a = column(named, 0, "a");
  if ((choice & 16) != 0) file.text_b = column(named, 2, "b");
  if ((choice & 32) != 0) file.label = column(named, -1, "c");
  if ((choice & 64) != 0) file.required_columns = 4;
  pals::Task task{.name = "fuzz", .labels = {"0", "1"}};
  if ((choice & 128) != 0) {
    task.kind = pals::TaskKind::kRegression;
    task.label_scale = 5.0;
  }
  try {
    pals::kind_of(task).read(task, file, bytes, "fuzz", nullptr);
  } catch (const pals::Error&) {
  }
  return 0;
}
