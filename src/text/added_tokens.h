// Finds added tokens in texts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pals {

/// Texts that are tokens, and where they stand in other texts. Immutable.
class AddedTokens {
 public:
  struct Match {
    size_t begin, end;  ///< bytes [begin, end) of the text
    int32_t id;
  };

  /// A token for which there is one already, or without text, is passed over.
  void add(const std::string& text, int32_t id, bool single_word);

  bool empty() const { return tokens_.empty(); }

  /// The first match that begins at byte `from` or behind, of several there the longest. One of a
  /// single word that touches letters is passed over with all that it covers.
  std::optional<Match> find(std::string_view text, size_t from) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Token {
    int32_t id;
    bool single_word;
  };

  std::unordered_map<std::string, Token, Hash, std::equal_to<>> tokens_;
  std::array<std::vector<size_t>, 256>
      lengths_;  // of the tokens with that first byte; longest first
};

}  // namespace pals
