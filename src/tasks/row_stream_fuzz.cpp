// Fuzz target: rows of a stream are those of the whole file, and so is whether there is an error.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/error.h"
#include "tasks/row_stream.h"

namespace {

struct Reading {
  std::string rows, error;
};

Reading read_all(pals::RowReader& reader) {
  Reading reading;
  std::vector<std::string_view> fields;
  try {
    while (reader.next(fields)) {
      reading.rows += std::to_string(reader.line());
      for (const std::string_view field : fields) reading.rows.append("|").append(field);
      reading.rows += "\n";
    }
  } catch (const pals::Error& error) {
    reading.error = error.what();
  }
  return reading;
}

/// Behind the first faulty row: each call gets on, whatever is wrong.
void read_on(pals::StreamedRows& rows) {
  std::vector<std::string_view> fields;
  for (bool more = true; more && rows.goes_on();) {
    const uint64_t before = rows.offset();
    try {
      more = rows.next(fields);
      if (more && rows.offset() < before) std::abort();
    } catch (const pals::Error&) {
      if (rows.offset() < before) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto format = static_cast<pals::FileFormat>(data[0] % 3);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (pals::may_be_compressed(bytes.substr(0, 4))) return 0;  // a stream is unpacked
  const int descriptor = ::memfd_create("rows", MFD_CLOEXEC);
  if (descriptor < 0 ||
      ::write(descriptor, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    std::abort();
  }
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  Reading streamed;
  try {
    pals::InputStream input(path);
    pals::StreamedRows rows(input, format, {"a"});
    streamed = read_all(rows);
    read_on(rows);
  } catch (const pals::Error& error) {
    streamed.error = error.what();
  }
  ::close(descriptor);
  Reading whole;
  try {
    whole = read_all(*pals::make_row_reader(format, bytes, path, {"a"}));
  } catch (const pals::Error& error) {
    whole.error = error.what();
  }
  if (streamed.rows != whole.rows || streamed.error.empty() != whole.error.empty()) std::abort();
  return 0;
}
