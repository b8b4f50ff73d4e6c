#include "eval/entities.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"

namespace pals {
namespace {

using Sequence = std::vector<std::string>;

constexpr double kTolerance = 1e-12;

// Written by tests/metric_cases.py; the test step "metrics" makes others at random.
std::string case_file() {
  if (const char* path = std::getenv("PALS_METRIC_CASES")) return path;
  return std::string(PALS_SOURCE_DIR) + "/tests/data/metrics/cases.json";
}

std::vector<Tag> tags_of(const TagTable& table, const Sequence& labels, const Sequence& tags) {
  std::vector<Tag> found;
  for (const std::string& tag : tags) {
    const auto place = std::ranges::find(labels, tag) - labels.begin();
    found.push_back(table.tags.at(static_cast<size_t>(place)));
  }
  return found;
}

/// The entities of tags of the types X and Y, as "X 0 2".
Sequence entities_of(const Sequence& tags, TagScheme scheme, bool strict = false) {
  Sequence labels = {"O"};
  for (const char* type : {"X", "Y"}) {
    for (const std::string& tag : tags_of_type(type, scheme)) labels.push_back(tag);
  }
  const TagTable table(labels, scheme);
  Sequence found;
  for (const Entity& entity : find_entities(tags_of(table, labels, tags), scheme, strict)) {
    found.push_back(std::string(table.types[static_cast<size_t>(entity.type)]) + " " +
                    std::to_string(entity.first) + " " + std::to_string(entity.last));
  }
  return found;
}

TEST(Entities, AgreeWithSeqeval) {
  const Json cases = parse_json(read_file(case_file(), 64 << 20), case_file()).at("tags");
  std::map<std::string, size_t> sequences;
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(testing::Message() << case_file() << " case " << i);
    const Json& entry = cases[i];
    const auto name = entry.at("scheme").get<std::string>();
    const TagScheme scheme = from_name<TagScheme>(name).value();
    const auto labels = entry.at("labels").get<Sequence>();
    const TagTable table(labels, scheme);
    EntityCounts lenient, strict;
    for (const Json& pair : entry.at("sequences")) {
      const auto gold = tags_of(table, labels, pair[0].get<Sequence>());
      const auto said = tags_of(table, labels, pair[1].get<Sequence>());
      lenient.add(find_entities(gold, scheme, false), find_entities(said, scheme, false));
      strict.add(find_entities(gold, scheme, true), find_entities(said, scheme, true));
    }
    sequences[name] += entry.at("sequences").size();
    for (const auto& [mode, counts] : {std::pair{"default", &lenient}, {"strict", &strict}}) {
      const Json& wanted = entry.at(mode);
      EXPECT_NEAR(counts->precision(), wanted.at("precision"), kTolerance) << mode;
      EXPECT_NEAR(counts->recall(), wanted.at("recall"), kTolerance) << mode;
      EXPECT_NEAR(counts->f1(), wanted.at("f1"), kTolerance) << mode;
    }
  }
  for (const char* scheme : {"bio", "iob1", "bioes"}) EXPECT_GE(sequences[scheme], 200U) << scheme;
}

TEST(Entities, BeginAndEndAsTheSchemeSays) {
  EXPECT_EQ(entities_of({"B-X", "I-X", "B-X", "O", "B-Y"}, TagScheme::kBio),
            (Sequence{"X 0 2", "X 2 3", "Y 4 5"}));
  EXPECT_EQ(entities_of({"I-X", "I-X", "B-X", "I-Y"}, TagScheme::kIob1),
            (Sequence{"X 0 2", "X 2 3", "Y 3 4"}));
  EXPECT_EQ(entities_of({"S-X", "B-Y", "I-Y", "E-Y", "O"}, TagScheme::kBioes, true),
            (Sequence{"X 0 1", "Y 1 4"}));
  EXPECT_EQ(entities_of({"O", "I-X", "I-X"}, TagScheme::kBio), (Sequence{"X 1 3"}));
  EXPECT_EQ(entities_of({"O", "I-X", "I-X"}, TagScheme::kBio, true), Sequence());
}

TEST(Entities, AreMarkedAsTheyAreFound) {
  const std::vector<Entity> entities = {{0, 0, 2}, {0, 2, 3}, {1, 3, 4}, {1, 5, 8}};
  for (const TagScheme scheme : {TagScheme::kBio, TagScheme::kIob1, TagScheme::kBioes}) {
    const Sequence tags = mark_entities(entities, {"X", "Y"}, 9, scheme);
    for (const bool strict : {false, true}) {
      EXPECT_EQ(entities_of(tags, scheme, strict), (Sequence{"X 0 2", "X 2 3", "Y 3 4", "Y 5 8"}))
          << name_of(scheme);
    }
    Sequence labels = {"O"};
    for (const char* type : {"X", "Y"}) {
      for (const std::string& tag : tags_of_type(type, scheme)) labels.push_back(tag);
    }
    EXPECT_TRUE(is_well_formed(tags_of(TagTable(labels, scheme), labels, tags), scheme));
  }
  EXPECT_EQ(mark_entities({{1, 1, 3}}, {"X", "Y"}, 4, TagScheme::kPlain),
            (Sequence{"O", "Y", "Y", "O"}));
}

TEST(Entities, SequencesThatAreNotWellFormedAreTold) {
  const auto well_formed = [](const Sequence& tags, TagScheme scheme) {
    Sequence labels = {"O", "B-X", "I-X", "E-X", "S-X", "B-Y", "I-Y", "E-Y", "S-Y"};
    if (scheme != TagScheme::kBioes) labels = {"O", "B-X", "I-X", "B-Y", "I-Y"};
    return is_well_formed(tags_of(TagTable(labels, scheme), labels, tags), scheme);
  };
  EXPECT_TRUE(well_formed({}, TagScheme::kBio));
  EXPECT_TRUE(well_formed({"B-X", "I-X", "B-Y", "O"}, TagScheme::kBio));
  EXPECT_FALSE(well_formed({"O", "I-X"}, TagScheme::kBio));
  EXPECT_FALSE(well_formed({"B-X", "I-Y"}, TagScheme::kBio));
  EXPECT_TRUE(well_formed({"I-X", "B-X", "I-Y"}, TagScheme::kIob1));
  EXPECT_FALSE(well_formed({"O", "B-X"}, TagScheme::kIob1));
  EXPECT_TRUE(well_formed({"B-X", "I-X", "E-X", "S-Y"}, TagScheme::kBioes));
  for (const Sequence& tags : {Sequence{"B-X"},
                               {"B-X", "O"},
                               {"I-X", "E-X"},
                               {"B-X", "E-Y"},
                               {"B-X", "S-X"},
                               {"S-X", "E-X"},
                               {"B-X", "E-X", "E-X"}}) {
    EXPECT_FALSE(well_formed(tags, TagScheme::kBioes)) << tags.front();
  }
}

TEST(Entities, TagsBelongToSchemes) {
  EXPECT_TRUE(is_tag_of("O", TagScheme::kBio));
  EXPECT_TRUE(is_tag_of("B-LOC", TagScheme::kBio));
  EXPECT_TRUE(is_tag_of("S-LOC", TagScheme::kBioes));
  EXPECT_FALSE(is_tag_of("S-LOC", TagScheme::kBio));
  for (const char* none : {"", "B", "B-", "X-LOC", "domain=en", "o"}) {
    EXPECT_FALSE(is_tag_of(none, TagScheme::kBioes)) << none;
  }
  EXPECT_TRUE(is_tag_of("NOUN", TagScheme::kPlain));
}

}  // namespace
}  // namespace pals
