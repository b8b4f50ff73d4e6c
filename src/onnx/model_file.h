// A graph as a file of ONNX's.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "onnx/graph.h"

namespace pals {

/// The version of the operators (of 2022: the first with LayerNormalization), and that of the file
/// format which came with it.
inline constexpr int64_t kOnnxOpset = 17;
inline constexpr int64_t kOnnxFileVersion = 8;

/// No message may have more bytes.
inline constexpr uint64_t kMaxOnnxBytes = (uint64_t{1} << 31) - 1;

/// What a file says beside its graph.
struct OnnxDescription {
  std::string name;              ///< of the graph
  std::string producer_version;  ///< of this program
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Writes the file, which appears when it is whole. The same graph gives the same bytes. Throws
/// Error for a graph of 2 GiB and more, and where the file cannot be written.
void write_onnx(const std::string& path, const OnnxGraph& graph,
                const OnnxDescription& description);

}  // namespace pals
