#include "predict/vector_writer.h"

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/output_path.h"
#include "base/text_util.h"
#include "predict/output.h"

namespace pals {
namespace {

constexpr size_t kHeaderBytes = 256;  // holds the largest counts; data begin at a multiple of 64

class JsonlWriter : public VectorWriter {
 public:
  JsonlWriter(const std::string& path, int64_t width)
      : output_(path), width_(static_cast<size_t>(width)) {}

  void write(int64_t first, std::span<const float> rows) override {
    for (; !rows.empty(); rows = rows.subspan(width_)) {
      std::string line = concat("{\"index\": ", first++, ", \"vector\": [");
      for (size_t i = 0; i < width_; ++i) {
        if (i > 0) line += ", ";
        append(rows[i], line);
      }
      output_.write(line += "]}\n");
    }
  }

  void flush() override { output_.flush(); }
  void finish() override { output_.finish(); }

 private:
  /// The shortest digits that give the same float again.
  static void append(float value, std::string& line) {
    char digits[32];
    if (!std::isfinite(value)) {
      line += "null";
      return;
    }
    line.append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
  }

  TextOutput output_;
  size_t width_;
};

/// A header of fixed size, then the numbers; the header is filled in at the end.
class BinaryWriter : public VectorWriter {
 public:
  BinaryWriter(VectorFormat format, const std::string& path, int64_t width)
      : format_(format), file_(seekable(path)), width_(width) {
    file_.write(std::string(kHeaderBytes, ' '));
  }

  void write(int64_t /*first*/, std::span<const float> rows) override {
    file_.write(rows.data(), rows.size_bytes());
    numbers_ += static_cast<int64_t>(rows.size());
  }

  void finish() override {
    file_.write_at(0, format_ == VectorFormat::kNpy ? npy_header() : safetensors_header());
    file_.commit();
  }

 private:
  static const std::string& seekable(const std::string& path) {
    require_seekable_output(path);
    return path;
  }

  int64_t rows() const { return numbers_ / width_; }

  /// NumPy's format 1.0: magic, version, header length, a Python dictionary, a line feed.
  std::string npy_header() const {
    std::string header("\x93NUMPY\x01\x00", 8);
    constexpr size_t kLength = kHeaderBytes - 10;
    header += static_cast<char>(kLength & 0xFF);
    header += static_cast<char>(kLength >> 8);
    header +=
        concat("{'descr': '<f4', 'fortran_order': False, 'shape': (", rows(), ", ", width_, "), }");
    header.resize(kHeaderBytes - 1, ' ');
    return header + "\n";
  }

  /// safetensors: the header's length, then JSON, which blanks may follow.
  std::string safetensors_header() const {
    constexpr uint64_t kLength = kHeaderBytes - sizeof(uint64_t);
    std::string header(reinterpret_cast<const char*>(&kLength), sizeof(kLength));
    header +=
        concat(R"({"vectors":{"dtype":"F32","shape":[)", rows(), ",", width_,
               R"(],"data_offsets":[0,)", numbers_ * static_cast<int64_t>(sizeof(float)), "]}}");
    header.resize(kHeaderBytes, ' ');
    return header;
  }

  VectorFormat format_;
  AtomicFile file_;
  int64_t width_;
  int64_t numbers_ = 0;
};

}  // namespace

VectorFormat vector_format_of(const std::string& path) {
  if (path.ends_with(".npy")) return VectorFormat::kNpy;
  return path.ends_with(".safetensors") ? VectorFormat::kSafetensors : VectorFormat::kJsonl;
}

std::unique_ptr<VectorWriter> make_vector_writer(VectorFormat format, const std::string& path,
                                                 int64_t width) {
  if (format == VectorFormat::kJsonl) return std::make_unique<JsonlWriter>(path, width);
  if (path.empty() || path == "-") {
    fail_usage(
        "--output is missing: npy and safetensors go to a file, standard output takes jsonl");
  }
  return std::make_unique<BinaryWriter>(format, path, width);
}

void join_vectors(VectorFormat format, const std::vector<std::string>& parts,
                  const std::string& path, int64_t width) {
  if (format == VectorFormat::kJsonl) return join_texts(parts, path);
  const auto writer = make_vector_writer(format, path, width);
  for (const std::string& part : parts) {
    const MappedFile file(part);
    const auto row_bytes = static_cast<size_t>(width) * sizeof(float);
    if (file.bytes().size() < kHeaderBytes ||
        (file.bytes().size() - kHeaderBytes) % row_bytes != 0) {
      fail(part, ": not as it was written; did something else change it?");
    }
    const std::string_view numbers = file.bytes().substr(kHeaderBytes);
    // A map begins at a page, and the numbers at a multiple of 64 behind it.
    writer->write(0,
                  {reinterpret_cast<const float*>(numbers.data()), numbers.size() / sizeof(float)});
  }
  writer->finish();
}

}  // namespace pals
