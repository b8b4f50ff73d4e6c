#include "checkpoint/tensor_hash.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/hash.h"

namespace pals {

std::string tensors_hash(std::span<const TensorEntry> tensors) {
  std::vector<const TensorEntry*> sorted;
  for (const TensorEntry& tensor : tensors) sorted.push_back(&tensor);
  std::ranges::sort(sorted, {}, &TensorEntry::name);
  Hasher128 hasher;
  for (const TensorEntry* tensor : sorted) {
    // With their lengths in front, so that no name runs into the next part.
    hasher.update(concat(tensor->name.size(), ' ', tensor->name, ' ', dtype_name(tensor->dtype),
                         ' ', shape_text(tensor->shape), ' ', tensor->bytes.size(), '\n'));
    hasher.update(tensor->bytes.data(), tensor->bytes.size());
  }
  return hasher.hex();
}

}  // namespace pals
