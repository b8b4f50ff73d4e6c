#include "base/table.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace pals {
namespace {

TEST(Table, AlignsItsColumns) {
  Table table({"task", "score", "note"});
  table.align_left(2);
  table.add_row({"cola", "0.5", "x"});
  table.add_row({"caf\xC3\xA9s", "12.25"});
  table.add_rule();
  table.add_row({"all", "1", "long note"});
  EXPECT_EQ(table.text(),
            "task   score  note\n"
            "-----------------------\n"
            "cola     0.5  x\n"
            "caf\xC3\xA9s  12.25\n"
            "-----------------------\n"
            "all        1  long note\n");
}

TEST(Table, RefusesWhatHasNoColumn) {
  EXPECT_THROW(Table({}), std::invalid_argument);
  Table table({"a"});
  EXPECT_THROW(table.add_row({"1", "2"}), std::invalid_argument);
  EXPECT_THROW(table.align_left(1), std::out_of_range);
}

}  // namespace
}  // namespace pals
