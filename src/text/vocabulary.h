// A WordPiece vocabulary: one token a line, the line number (from 0) is its id.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pals {

/// Immutable; copies share their content.
class Vocabulary {
 public:
  static constexpr int32_t kMaxTokens = 1'000'000;
  static constexpr uint64_t kMaxBytes = uint64_t{16} << 20;

  /// Reads a vocab.txt. Throws Error as read_file and from_text do.
  static Vocabulary load(const std::string& path);

  /// Lines end in LF or CRLF; a leading byte order mark, blanks around a token and empty lines at
  /// the end do not count. Of equal lines the last one's id is found, as in other readers of these
  /// files. Throws Error "where:line: ..." for invalid UTF-8, too many tokens or bytes, and if
  /// [PAD], [UNK], [CLS] or [SEP] is missing.
  static Vocabulary from_text(std::string_view bytes, const std::string& where);

  /// The vocabulary of a map from tokens to ids, as tokenizer.json holds it; ids in use by no token
  /// are empty lines. Throws Error as above, and for ids that are negative, too large or there
  /// twice.
  static Vocabulary from_map(const std::vector<std::pair<std::string, int64_t>>& ids,
                             const std::string& where);

  /// A copy with tokens for ids that have none; words are not made of them.
  /// REQUIRES: 0 <= id < kMaxTokens.
  Vocabulary with_added(const std::map<int32_t, std::string>& tokens) const;

  /// The id of a token, if there is one.
  std::optional<int32_t> find(std::string_view token) const;

  /// REQUIRES: 0 <= id < size().
  const std::string& token(int32_t id) const;

  /// With all added tokens.
  int32_t size() const;

  /// How many tokens the vocabulary itself has: those of which words are made.
  int32_t base_size() const;

  int32_t pad_id() const;
  int32_t unk_id() const;
  int32_t cls_id() const;
  int32_t sep_id() const;

  /// The vocabulary as a file: its tokens without the added ones, each with a line feed.
  std::string to_text() const;

  /// A hash of all tokens: equal for files that differ in line ends only.
  std::string content_hash() const;

 private:
  struct Content;
  explicit Vocabulary(std::shared_ptr<const Content> content);

  std::shared_ptr<const Content> content_;
};

}  // namespace pals
