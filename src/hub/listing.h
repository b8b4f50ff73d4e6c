// Which files a revision of a model has, and which of them are wanted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pals {

/// What a hub's API answers to /api/models/NAME/revision/REVISION.
struct ModelListing {
  std::string commit;
  std::vector<std::string> names;
};

/// Sizes of an answer.
inline constexpr size_t kMostListingBytes = size_t{16} << 20;
inline constexpr size_t kMostListedFiles = 100'000;

/// Reads the answer's "sha" and "siblings". Throws Error, which begins with `where`, for other JSON
/// and for too many files. Names that are no plain file names are left out.
ModelListing parse_listing(std::string_view json, const std::string& where);

/// Those of the names that a model folder is opened by: configuration, tokenizer, tasks and
/// adapters, and of weights the safetensors files, or, without them, PyTorch's. In the order in
/// which they are to be fetched. Throws Error, which begins with `where`, where there are none, and
/// for very many.
std::vector<std::string> wanted_files(const std::vector<std::string>& names,
                                      const std::string& where);

}  // namespace pals
