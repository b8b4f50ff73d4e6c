#include "base/json.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace pals {
namespace {

std::string message_of(const std::string& text) {
  try {
    parse_json(text, "f.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

void expect_error(const std::string& text, const std::string& start, const std::string& part) {
  const std::string message = message_of(text);
  EXPECT_EQ(message.substr(0, start.size()), start) << message;
  EXPECT_NE(message.find(part), std::string::npos) << message;
  EXPECT_LT(message.size(), 300U);
}

TEST(Json, ParsesEveryKindOfValue) {
  const std::string text =
      R"({"a": [1, -2, 2.5, 1e3, true, false, null, "x\u00e9\n"], "b": {"c": {}, "d": []}, "": 0})";
  EXPECT_EQ(parse_json(text, "t"), Json::parse(text));
  EXPECT_EQ(parse_json(" 7 ", "t"), Json(7));
  EXPECT_EQ(parse_json("\"x\"", "t"), Json("x"));
  EXPECT_EQ(parse_json("[[1], [2, [3]], {\"a\": [4]}]", "t"),
            Json::parse("[[1], [2, [3]], {\"a\": [4]}]"));
  EXPECT_EQ(parse_json("18446744073709551615", "t").get<uint64_t>(), UINT64_MAX);
}

TEST(Json, DoesNotEndAtAZeroByte) {
  expect_error(std::string("{\"a\": 1}\n\0{\"b\": 2}", 18), "f.json:2:1: ", "a zero byte");
  expect_error(std::string("{}\0", 3), "f.json:1:3: ", "not valid JSON: a zero byte");
}

TEST(Json, SaysWhereTheFaultIs) {
  expect_error("", "f.json:1:1: not valid JSON", "unexpected end");
  expect_error("{\"a\": 1,\n \"b\": x}", "f.json:2:7: not valid JSON", "invalid literal");
  expect_error("{\"a\": 1}\n{", "f.json:2:1: not valid JSON", "expected end of input");
  expect_error("[1, 2", "f.json:1:", "unexpected end");
  expect_error("[NaN]", "f.json:1:", "invalid literal");
  expect_error("[1,]", "f.json:1:", "unexpected ']'");
  expect_error("[\"\xff\"]", "f.json:1:", "UTF-8");
  expect_error("[1e999]", "f.json:1:", "out of range");
  expect_error(std::string("[\0]", 3), "f.json:1:2", "not valid JSON");
}

TEST(Json, KeepsMessagesShortForLongTokens) {
  expect_error("[\"" + std::string(1'000'000, 'a'), "f.json:1:", "not valid JSON");
}

TEST(Json, RefusesDuplicateKeys) {
  expect_error("{\"a\": 1,\n \"b\": 2,\n \"a\": 3}", "f.json:3:4", "the key \"a\" appears twice");
  // The same key in different objects is fine.
  EXPECT_EQ(parse_json(R"([{"a": 1}, {"a": {"a": 2}}])", "t")[1]["a"]["a"], 2);
}

TEST(Json, LimitsTheDepth) {
  const auto nested = [](int depth, char open, char close) {
    return std::string(static_cast<size_t>(depth), open) +
           std::string(static_cast<size_t>(depth), close);
  };
  EXPECT_NO_THROW(parse_json(nested(kMaxJsonDepth, '[', ']'), "t"));
  expect_error(nested(kMaxJsonDepth + 1, '[', ']'), "f.json:1:65: ", "more than 64 levels");
  expect_error(std::string(1'000'000, '['), "f.json:1:65: ", "more than 64 levels");
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
  expect_error(objects, "f.json:1:", "more than 64 levels");
}

TEST(Json, BoundsTheMemoryOfSmallValues) {
  std::string objects = "[{}";
  for (int i = 0; i < 3'000'000; ++i) objects += ",{}";
  expect_error(objects + "]", "f.json:1:", "of memory; expected fewer and larger ones");
  std::string keys = "{\"a\":0";
  for (int i = 0; i < 1'000'000; ++i) keys += ",\"" + std::to_string(i) + "\":0";
  expect_error(keys + "}", "f.json:1:", "of memory");
  // As many answers as SQuAD has, with their share of the contexts, and a vocabulary's worth of
  // numbers.
  std::string answers = "[0";
  const std::string id(100, 'x');
  for (int i = 0; i < 100'000; ++i) {
    answers += R"(,{"answers":[{"answer_start":177,"text":"Denver Broncos"}],"id":")" + id +
               R"(","question":"Which NFL team represented the AFC at Super Bowl 50?"})";
  }
  EXPECT_EQ(parse_json(answers + "]", "t").size(), 100'001U);
  std::string tokens = "{\"a\":0";
  for (int i = 0; i < 250'000; ++i) tokens += ",\"##" + std::to_string(i) + "\":0";
  EXPECT_EQ(parse_json(tokens + "}", "t").size(), 250'001U);
}

TEST(Json, ReadsFiles) {
  const Json value = read_json(std::string(PALS_SOURCE_DIR) + "/tests/data/metrics/metrics.json");
  EXPECT_TRUE(value.is_array());
  EXPECT_THROW(read_json(std::string(PALS_SOURCE_DIR) + "/tests/data/metrics/metrics.json", 10),
               Error);
}

TEST(Json, WritesTextThatCannotFail) {
  const Json value = {{"b", {1, 2}}, {"a", "x"}};
  EXPECT_EQ(json_text(value), "{\n  \"a\": \"x\",\n  \"b\": [\n    1,\n    2\n  ]\n}\n");
  EXPECT_EQ(json_text(value, -1), R"({"a":"x","b":[1,2]})");
  OrderedJson ordered;
  ordered["b"] = 1;
  ordered["a"] = 2;
  EXPECT_EQ(json_text(ordered, -1), R"({"b":1,"a":2})");
  EXPECT_EQ(json_text(Json("\xff"), -1), "\"\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace pals
