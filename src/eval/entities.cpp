#include "eval/entities.h"

#include <algorithm>

namespace pals {
namespace {

std::string_view prefixes_of(TagScheme scheme) {
  switch (scheme) {
    case TagScheme::kBio:
    case TagScheme::kIob1:
      return "BI";
    case TagScheme::kBioes:
      return "BIES";
    case TagScheme::kPlain:
      break;
  }
  return "";
}

double ratio_of(int64_t part, int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

// seqeval's default rules, the same for all schemes.

bool ends_before(const Tag& previous, const Tag& tag) {
  if (previous.prefix == 'E' || previous.prefix == 'S') return true;
  if (previous.prefix == 'O') return false;
  return tag.prefix == 'B' || tag.prefix == 'S' || tag.prefix == 'O' || previous.type != tag.type;
}

bool begins_at(const Tag& previous, const Tag& tag) {
  if (tag.prefix == 'B' || tag.prefix == 'S') return true;
  if (tag.prefix == 'O') return false;
  return previous.prefix == 'E' || previous.prefix == 'S' || previous.prefix == 'O' ||
         previous.type != tag.type;
}

std::vector<Entity> lenient_entities(std::span<const Tag> tags) {
  std::vector<Entity> entities;
  Tag previous;
  int64_t first = 0;
  for (size_t i = 0; i <= tags.size(); ++i) {
    const Tag tag = i < tags.size() ? tags[i] : Tag();
    const auto place = static_cast<int64_t>(i);
    if (ends_before(previous, tag)) entities.push_back({previous.type, first, place});
    if (begins_at(previous, tag)) first = place;
    previous = tag;
  }
  return entities;
}

// The rules of its strict mode, by scheme.

bool starts_strictly(const Tag& previous, const Tag& tag, TagScheme scheme) {
  if (scheme == TagScheme::kBio) return tag.prefix == 'B';
  if (scheme == TagScheme::kBioes) return tag.prefix == 'B' || tag.prefix == 'S';
  const bool same = previous.type == tag.type;
  if (tag.prefix == 'B') return previous.prefix != 'O' && same;
  if (tag.prefix != 'I') return false;
  return previous.prefix != 'I' || !same;
}

bool goes_on(const Tag& previous, const Tag& tag) {
  return (previous.prefix == 'B' || previous.prefix == 'I') &&
         (tag.prefix == 'I' || tag.prefix == 'E') && previous.type == tag.type;
}

bool stops_strictly(const Tag& previous, const Tag& tag, TagScheme scheme) {
  if (scheme == TagScheme::kBioes) return previous.prefix == 'S' || previous.prefix == 'E';
  if (tag.prefix == 'O') return true;
  if (tag.prefix == 'I') return previous.type != tag.type;
  return scheme == TagScheme::kBio || previous.prefix == 'I' || previous.type == tag.type;
}

std::vector<Entity> strict_entities(std::span<const Tag> tags, TagScheme scheme) {
  const auto at = [&](size_t i) { return i < tags.size() ? tags[i] : Tag(); };
  std::vector<Entity> entities;
  Tag previous;
  for (size_t i = 0; i < tags.size();) {
    size_t end = i + 1;
    if (starts_strictly(previous, tags[i], scheme)) {
      while (end < tags.size() && goes_on(tags[end - 1], tags[end])) ++end;
      if (stops_strictly(tags[end - 1], at(end), scheme)) {
        entities.push_back({tags[i].type, static_cast<int64_t>(i), static_cast<int64_t>(end)});
      }
    }
    i = end;
    previous = tags[i - 1];
  }
  return entities;
}

}  // namespace

bool is_tag_of(std::string_view tag, TagScheme scheme) {
  if (scheme == TagScheme::kPlain) return !tag.empty();
  if (tag == "O") return true;
  return tag.size() > 2 && tag[1] == '-' &&
         prefixes_of(scheme).find(tag.front()) != std::string_view::npos;
}

std::vector<std::string> tags_of_type(std::string_view type, TagScheme scheme) {
  if (scheme == TagScheme::kPlain) return {std::string(type)};
  std::vector<std::string> tags;
  for (const char prefix : prefixes_of(scheme)) {
    tags.push_back(std::string(1, prefix) + "-" + std::string(type));
  }
  return tags;
}

TagTable::TagTable(const std::vector<std::string>& labels, TagScheme scheme) {
  for (const std::string& label : labels) {
    Tag& tag = tags.emplace_back();
    if (scheme == TagScheme::kPlain || label == "O" || !is_tag_of(label, scheme)) continue;
    const std::string_view type = std::string_view(label).substr(2);
    const auto known = std::ranges::find(types, type);
    tag = {label.front(), static_cast<int32_t>(known - types.begin())};
    if (known == types.end()) types.push_back(type);
  }
}

std::vector<Entity> find_entities(std::span<const Tag> tags, TagScheme scheme, bool strict) {
  if (scheme == TagScheme::kPlain) return {};
  return strict ? strict_entities(tags, scheme) : lenient_entities(tags);
}

std::vector<size_t> misplaced_tags(std::span<const Tag> tags, TagScheme scheme) {
  std::vector<size_t> places;
  if (scheme == TagScheme::kPlain) return places;
  const auto add = [&](size_t place) {
    if (places.empty() || places.back() != place) places.push_back(place);
  };
  Tag previous;
  for (size_t i = 0; i <= tags.size(); ++i) {
    const Tag tag = i < tags.size() ? tags[i] : Tag();
    const bool follows = previous.prefix != 'O' && previous.type == tag.type;
    if (scheme == TagScheme::kBio && tag.prefix == 'I' && !follows) add(i);
    if (scheme == TagScheme::kIob1 && tag.prefix == 'B' && !follows) add(i);
    if (scheme == TagScheme::kBioes) {
      const bool open = previous.prefix == 'B' || previous.prefix == 'I';
      const bool inside = tag.prefix == 'I' || tag.prefix == 'E';
      if (open && !inside) add(i - 1);
      if (inside && (!open || !follows)) add(i);
    }
    previous = tag;
  }
  return places;
}

bool is_well_formed(std::span<const Tag> tags, TagScheme scheme) {
  return misplaced_tags(tags, scheme).empty();
}

std::vector<std::string> mark_entities(const std::vector<Entity>& entities,
                                       const std::vector<std::string>& types, int64_t words,
                                       TagScheme scheme) {
  std::vector<std::string> tags(static_cast<size_t>(words), "O");
  const Entity* before = nullptr;
  for (const Entity& entity : entities) {
    const std::string& type = types[static_cast<size_t>(entity.type)];
    const bool touches =
        before != nullptr && before->last == entity.first && before->type == entity.type;
    for (int64_t word = entity.first; word < entity.last; ++word) {
      const bool first = word == entity.first, last = word + 1 == entity.last;
      char prefix = first ? 'B' : 'I';
      if (scheme == TagScheme::kIob1 && !touches) prefix = 'I';
      if (scheme == TagScheme::kBioes && last) prefix = first ? 'S' : 'E';
      tags[static_cast<size_t>(word)] =
          scheme == TagScheme::kPlain ? type : std::string(1, prefix) + "-" + type;
    }
    before = &entity;
  }
  return tags;
}

void EntityCounts::add(const std::vector<Entity>& gold_entities, const std::vector<Entity>& found) {
  gold += static_cast<int64_t>(gold_entities.size());
  predicted += static_cast<int64_t>(found.size());
  auto other = gold_entities.begin();
  for (const Entity& entity : found) {
    while (other != gold_entities.end() && other->first < entity.first) ++other;
    right += other != gold_entities.end() && *other == entity ? 1 : 0;
  }
}

double EntityCounts::precision() const { return ratio_of(right, predicted); }
double EntityCounts::recall() const { return ratio_of(right, gold); }

double EntityCounts::f1() const { return ratio_of(2 * right, predicted + gold); }

}  // namespace pals
