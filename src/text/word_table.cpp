#include "text/word_table.h"

#include <bit>
#include <string>

namespace pals {

WordTable::WordTable(const Vocabulary& vocabulary) {
  const auto size = static_cast<size_t>(vocabulary.base_size());
  rows_.resize(std::bit_ceil(2 * size + 2));
  mask_ = rows_.size() - 1;
  for (int32_t id = 0; id < vocabulary.base_size(); ++id) {
    const std::string& token = vocabulary.token(id);
    if (token.empty() || token.size() > WordKey::kMaxSize || token.starts_with("##")) continue;
    if (token.find('\0') != std::string::npos) continue;  // in no text, and a free row's key
    const WordKey key = WordKey::of(token.data(), token.size());
    size_t row = row_of(key);
    for (int probe = 0; probe < kMaxProbes; ++probe, row = (row + 1) & mask_) {
      if (rows_[row].key == WordKey{} || rows_[row].key == key) {
        rows_[row] = {key, id};
        break;
      }
    }
  }
}

}  // namespace pals
