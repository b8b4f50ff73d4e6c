// Entities: runs of words that tags mark, found as the package `seqeval` finds them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/names.h"

namespace pals {

/// How tags mark the words of an entity of type X; O is a word of none.
enum class TagScheme {
  kBio,    ///< B-X begins it, I-X goes on (IOB2)
  kIob1,   ///< I-X, but for B-X where one of the same type ends right before
  kBioes,  ///< B-X, I-X ..., E-X; S-X alone
  kPlain   ///< any tags, a word each; there are no entities
};
inline constexpr Name<TagScheme> kTagSchemes[] = {{TagScheme::kBio, "bio"},
                                                  {TagScheme::kIob1, "iob1"},
                                                  {TagScheme::kBioes, "bioes"},
                                                  {TagScheme::kPlain, "plain"}};
constexpr std::span<const Name<TagScheme>> names_of(TagScheme) { return kTagSchemes; }

/// A tag taken apart.
struct Tag {
  char prefix = 'O';
  int32_t type = -1;  ///< its number among the types; of O -1
};

/// Whether a scheme has such a tag: "O", or a prefix, "-" and a type.
bool is_tag_of(std::string_view tag, TagScheme scheme);

/// The tags of a type in a scheme, such as B-X and I-X.
std::vector<std::string> tags_of_type(std::string_view type, TagScheme scheme);

/// A scheme's tags taken apart, and the names of their types. Tags that are none are as "O".
struct TagTable {
  TagTable(const std::vector<std::string>& labels, TagScheme scheme);

  std::vector<Tag> tags;                ///< of the labels, in their order
  std::vector<std::string_view> types;  ///< views of the labels
};

/// Words [first, last) of a type.
struct Entity {
  int32_t type = 0;
  int64_t first = 0, last = 0;

  bool operator==(const Entity&) const = default;
};

/// The entities of a sequence, in order. Where it is not well-formed: as seqeval by default, a run
/// of words of one type is an entity, however it begins; `strict` as its mode "strict", only what
/// begins and ends as the scheme says.
std::vector<Entity> find_entities(std::span<const Tag> tags, TagScheme scheme, bool strict);

/// The words whose tags may not stand where they do, in order; in kBioes also the last ones of
/// entities that do not end.
std::vector<size_t> misplaced_tags(std::span<const Tag> tags, TagScheme scheme);

/// Whether every tag may stand where it does.
bool is_well_formed(std::span<const Tag> tags, TagScheme scheme);

/// Marks the words of entities, which must not overlap and be in order, among `words` words: tags
/// as text, types by their numbers in `types`. In kPlain each word has its entity's type.
std::vector<std::string> mark_entities(const std::vector<Entity>& entities,
                                       const std::vector<std::string>& types, int64_t words,
                                       TagScheme scheme);

/// How many entities are right, over all sequences: same type, same words.
struct EntityCounts {
  int64_t right = 0, gold = 0, predicted = 0;

  void add(const std::vector<Entity>& gold_entities, const std::vector<Entity>& found);
  /// In [0, 1]; 0 where undefined.
  double precision() const;
  double recall() const;
  double f1() const;
};

}  // namespace pals
