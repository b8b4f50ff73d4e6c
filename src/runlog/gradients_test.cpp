#include "runlog/gradients.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace pals {
namespace {

GradientRecord example() {
  return {.step = 40,
          .batches = 8,
          .parameters = 1000,
          .tasks = {"rte", "sst"},
          .cosines = {{1.0, -0.25}, {-0.25, std::nullopt}},
          .halves = {0.5, std::nullopt},
          .norms = {2.0, 0.0}};
}

TEST(Gradients, AreReadAsTheyWereWritten) {
  const std::string text = json_text(to_json(example()));
  EXPECT_EQ(parse_gradients(parse_json(text, "file"), "file"), example());
}

TEST(Gradients, DamagedFilesAreErrors) {
  const Json right = parse_json(json_text(to_json(example())), "file");
  const auto refused = [&](const char* key, const Json& value) {
    Json json = right;
    json[key] = value;
    EXPECT_THROW(parse_gradients(json, "file"), Error) << key;
  };
  refused("version", 2);
  refused("step", -1);
  refused("tasks", "rte");
  refused("tasks", Json::array({"rte"}));
  refused("tasks", Json::array({1, 2}));
  refused("cosines", Json::array({Json::array({1, 2}), Json::array({1})}));
  refused("cosines", Json::array({Json::array({1, 2}), Json::array({1, "x"})}));
  refused("halves", 3);
  refused("norms", Json::array({1, nullptr}));
  EXPECT_THROW(parse_gradients(Json::array(), "file"), Error);
  EXPECT_THROW(parse_gradients(Json::object(), "file"), Error);
}

}  // namespace
}  // namespace pals
