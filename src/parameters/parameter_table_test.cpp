#include "parameters/parameter_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

namespace pals {
namespace {

Parameter row(const std::string& name, std::vector<int64_t> shape, int owner = kSharedOwner,
              bool adjoins_previous = false) {
  Parameter parameter;
  parameter.name = name;
  parameter.shape = std::move(shape);
  parameter.owner = owner;
  parameter.adjoins_previous = adjoins_previous;
  return parameter;
}

// Owners in mixed order, as modules register them.
ParameterTable mixed_table() {
  ParameterTable table;
  table.add(row("tasks.1.a", {3}, 1));
  table.add(row("query", {5, 7}));
  table.add(row("key", {5, 7}, kSharedOwner, true));
  table.add(row("value", {5, 7}, kSharedOwner, true));
  table.add(row("tasks.0.a", {17}, 0));
  table.add(row("bias", {2}));
  table.add(row("tasks.0.b", {4, 4}, 0));
  table.lay_out();
  return table;
}

TEST(ParameterTable, FindsRowsByName) {
  const ParameterTable table = mixed_table();
  EXPECT_EQ(table.find("query"), 1);
  EXPECT_EQ(table[table.find("tasks.0.b")].numel, 16);
  EXPECT_EQ(table.find("quer"), -1);
  EXPECT_EQ(table.find(""), -1);
}

TEST(ParameterTable, NamesAreUnique) {
  ParameterTable table;
  table.add(row("a", {1}));
  EXPECT_THROW(table.add(row("a", {2}, 3)), std::logic_error);
  EXPECT_EQ(table.rows().size(), 1U);
}

TEST(ParameterTable, RowsDoNotOverlapAndStartAligned) {
  const ParameterTable table = mixed_table();
  std::vector<const Parameter*> rows;
  for (const Parameter& parameter : table.rows()) rows.push_back(&parameter);
  std::sort(rows.begin(), rows.end(),
            [](const Parameter* a, const Parameter* b) { return a->offset < b->offset; });
  int64_t end = 0;
  for (const Parameter* parameter : rows) {
    EXPECT_GE(parameter->offset, end) << parameter->name;
    EXPECT_LT(parameter->offset - end, 16) << parameter->name;
    EXPECT_TRUE(parameter->adjoins_previous || parameter->offset % 16 == 0) << parameter->name;
    end = parameter->offset + parameter->numel;
  }
  EXPECT_GE(table.total(), end);
  EXPECT_EQ(table.total() % 16, 0);
}

TEST(ParameterTable, AdjoiningRowsLieSideBySide) {
  const ParameterTable table = mixed_table();
  const Parameter& query = table[table.find("query")];
  EXPECT_EQ(table[table.find("key")].offset, query.offset + 35);
  EXPECT_EQ(table[table.find("value")].offset, query.offset + 70);
}

TEST(ParameterTable, EachOwnerIsOneRange) {
  const ParameterTable table = mixed_table();
  int64_t end = 0;
  for (const int owner : {kSharedOwner, 0, 1}) {
    const ArenaRange range = table.range(owner);
    EXPECT_EQ(range.begin, end) << owner;
    end = range.end;
    for (const Parameter& parameter : table.rows()) {
      const bool inside =
          parameter.offset >= range.begin && parameter.offset + parameter.numel <= range.end;
      EXPECT_EQ(inside, parameter.owner == owner) << parameter.name << " in " << owner;
    }
  }
  EXPECT_EQ(end, table.total());
  EXPECT_EQ(table.range(2).end - table.range(2).begin, 0);
}

TEST(ParameterTable, RowsOfAPrefixAreOneRange) {
  const ParameterTable table = mixed_table();
  const ArenaRange task = table.range("tasks.0.");
  EXPECT_EQ(task.begin, table[table.find("tasks.0.a")].offset);
  EXPECT_EQ(task.end, table[table.find("tasks.0.b")].offset + 16);
  const ArenaRange none = table.range("pooler.");
  EXPECT_EQ(none.begin, none.end);
}

TEST(ParameterTable, CountsWithoutPadding) {
  const ParameterTable table = mixed_table();
  EXPECT_EQ(table.count(kSharedOwner), 3 * 35 + 2);
  EXPECT_EQ(table.count(0), 33);
  EXPECT_EQ(table.count(1), 3);
  EXPECT_EQ(table.count(2), 0);
}

// Every element of the arena that a row has, in the shadow's order, without overlaps.
TEST(ParameterTable, ShadowIsTheArenaOrHasRowsApart) {
  ParameterTable table = mixed_table();
  EXPECT_EQ(table.shadow_total(), table.total());
  ASSERT_EQ(table.shadow_runs().size(), 1U);
  EXPECT_EQ(table.shadow_runs()[0].range.end, table.total());
  EXPECT_EQ(table.shadow_runs()[0].shift, 0);
  for (const Parameter& parameter : table.rows()) {
    EXPECT_EQ(parameter.shadow_offset, parameter.offset);
    EXPECT_EQ(parameter.shadow_stride, 0);
  }
  table.pad_shadow_rows(8);
  const Parameter &query = table[table.find("query")], &value = table[table.find("value")];
  EXPECT_EQ(query.shadow_stride, 8);
  EXPECT_EQ(value.shadow_offset, query.shadow_offset + 2 * 5 * 8);  // they adjoin as in the arena
  EXPECT_EQ(table[table.find("tasks.0.b")].shadow_stride, 8);
  EXPECT_EQ(table[table.find("bias")].shadow_stride, 0);
  for (const int owner : {kSharedOwner, 0, 1}) {
    EXPECT_EQ(table.shadow_range(owner).begin % 16, 0) << owner;
    int64_t end = table.shadow_range(owner).begin;
    for (const Parameter& parameter : table.rows()) {
      if (parameter.owner != owner) continue;
      EXPECT_GE(parameter.shadow_offset, end) << parameter.name;
      EXPECT_TRUE(parameter.adjoins_previous || parameter.shadow_offset % 16 == 0);
      end = parameter.shadow_offset + (parameter.shadow_stride > 0
                                           ? parameter.shape[0] * parameter.shadow_stride
                                           : parameter.numel);
    }
    EXPECT_LE(end, table.shadow_range(owner).end) << owner;
  }
  EXPECT_EQ(table.shadow_range(1).end, table.shadow_total());
}

// Each row in one run, which says of it what it says itself.
TEST(ParameterTable, ShadowRunsHoldEveryRow) {
  for (const int64_t multiple : {1, 8}) {
    ParameterTable table = mixed_table();
    table.pad_shadow_rows(multiple);
    for (const Parameter& parameter : table.rows()) {
      int found = 0;
      for (const ShadowRun& run : table.shadow_runs()) {
        const int64_t begin = parameter.offset - run.range.begin;
        if (begin < 0 || parameter.offset + parameter.numel > run.range.end) continue;
        ++found;
        EXPECT_EQ(run.stride, parameter.shadow_stride) << parameter.name;
        const int64_t place = run.stride > 0 ? begin / run.columns * run.stride : begin;
        EXPECT_EQ(run.range.begin + run.shift + place, parameter.shadow_offset) << parameter.name;
      }
      EXPECT_EQ(found, 1) << parameter.name;
    }
  }
}

TEST(ParameterTable, FreezeLeavesTasksAndLayerNorms) {
  ParameterTable table;
  table.add(row("dense", {2}));
  Parameter norm = row("norm", {2});
  norm.layer_norm = true;
  table.add(norm);
  table.add(row("tasks.0.dense", {2}, 0));
  table.freeze_shared();
  EXPECT_FALSE(table[0].trainable);
  EXPECT_TRUE(table[1].trainable);
  EXPECT_TRUE(table[2].trainable);
  EXPECT_TRUE(table.shared_trains());
  table.freeze_shared(Frozen::kAll);
  EXPECT_FALSE(table[1].trainable);
  EXPECT_TRUE(table[2].trainable);
  EXPECT_FALSE(table.shared_trains());
}

}  // namespace
}  // namespace pals
