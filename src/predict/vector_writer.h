// Vectors of texts as JSONL, NumPy or safetensors files, written as they come.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "options/choices.h"

namespace pals {

/// The format that the path's ending names (.npy, .safetensors), else JSONL.
VectorFormat vector_format_of(const std::string& path);

/// Takes rows of `width` numbers. Files appear when they are whole, and hold any number of rows in
/// flat memory: their header is written last.
class VectorWriter {
 public:
  virtual ~VectorWriter() = default;

  /// Appends rows, a multiple of the width; the first is row `first` of the input. Throws Error
  /// when the system refuses.
  virtual void write(int64_t first, std::span<const float> rows) = 0;

  /// What was written so far can be seen, where that makes sense.
  virtual void flush() {}

  /// Puts the file in place.
  virtual void finish() = 0;
};

/// A writer to `path` ("" and "-": standard output, for JSONL only; else UsageError). JSONL:
/// {"index": 0, "vector": [...]} a line. npy: float32 [rows, width]. safetensors: the same as the
/// tensor "vectors".
std::unique_ptr<VectorWriter> make_vector_writer(VectorFormat format, const std::string& path,
                                                 int64_t width);

/// Joins files of one format, each written by such a writer, in their order; `path` as there.
void join_vectors(VectorFormat format, const std::vector<std::string>& parts,
                  const std::string& path, int64_t width);

}  // namespace pals
