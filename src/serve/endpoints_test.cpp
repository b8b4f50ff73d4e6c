// What each endpoint answers, and what it refuses.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "serve/test_serving.h"

namespace pals {
namespace {

using testing::expected;
using testing::served_model;
using testing::Serving;

TEST(Predicting, AnswersAsTheProgramDoes) {
  Serving serving;
  const auto model = serving.service().model();
  EXPECT_EQ(serving.post("/predict", {{"inputs", "a b"}, {"task", "two"}}),
            expected(*model, 0, {.text_a = "a b"}));
  EXPECT_EQ(serving.post("/predict", {{"inputs", {"a b", "c"}}, {"task", "value"}}),
            expected(*model, 1, {.text_a = "a b", .text_b = "c"}));
  EXPECT_EQ(
      serving.post("/predict",
                   {{"inputs", {{"a"}, {"b", "c d"}}}, {"task", "three"}, {"raw_scores", true}}),
      (Json{expected(*model, 2, {.text_a = "a"}, true),
            expected(*model, 2, {.text_a = "b", .text_b = "c d"}, true)}));
  EXPECT_EQ(
      serving.post("/predict", {{"inputs", {"a", "b c d e f g h i j k l m n"}}, {"task", "span"}}),
      expected(*model, 3, {.text_a = "a", .text_b = "b c d e f g h i j k l m n"}));
  EXPECT_EQ(serving.post("/predict",
                         {{"inputs", "a"}, {"choices", {"b", "c d", "e"}}, {"task", "choice"}}),
            expected(*model, 4, {.text_a = "a", .choices = {"b", "c d", "e"}}));
  const Json list =
      serving.post("/predict", {{"inputs", Json::array({Json::array({"a"})})}, {"task", "two"}});
  EXPECT_EQ(list, Json::array({expected(*model, 0, {.text_a = "a"})}));
}

TEST(Predicting, LabelsComeWithTheHighestScoreFirst) {
  Serving serving;
  const Json scores = serving.post("/predict", {{"inputs", "a b c"}, {"task", "three"}});
  ASSERT_EQ(scores.size(), 3U);
  EXPECT_GE(scores[0]["score"], scores[1]["score"]);
  EXPECT_GE(scores[1]["score"], scores[2]["score"]);
  const Json value = serving.post("/predict", {{"inputs", "a b c"}, {"task", "value"}});
  ASSERT_EQ(value.size(), 1U);
  EXPECT_EQ(value[0]["label"], "value");
}

TEST(Predicting, SeveralTasksAndAll) {
  Serving serving;
  const auto model = serving.service().model();
  const Json some = serving.post("/predict", {{"inputs", "a"}, {"tasks", {"value", "two"}}});
  EXPECT_EQ(some, (Json{{"value", expected(*model, 1, {.text_a = "a"})},
                        {"two", expected(*model, 0, {.text_a = "a"})}}));
  // Of all tasks those that the texts do not fit are null: of a pair the choice, and the task of
  // single texts.
  const Json all = serving.post("/predict", {{"inputs", {"a", "b c"}}, {"tasks", "all"}});
  EXPECT_EQ(all.size(), model->tasks.size());
  EXPECT_TRUE(all["choice"].is_null());
  EXPECT_TRUE(all["two"].is_null());
  EXPECT_TRUE(all["tags"].is_null());
  EXPECT_EQ(all["span"], expected(*model, 3, {.text_a = "a", .text_b = "b c"}));
  const Json single = serving.post("/predict", {{"inputs", "a"}, {"tasks", "all"}});
  EXPECT_TRUE(single["span"].is_null());
  EXPECT_FALSE(single["two"].is_null());
}

TEST(Predicting, TasksThatShareRowsRunOnce) {
  Serving serving;
  serving.post("/predict", {{"inputs", "a"}, {"tasks", {"two", "three"}}});
  EXPECT_EQ(serving.runner().batches().at(0).num_rows(), 1);
}

TEST(Predicting, OneTaskNeedsNoName) {
  Serving serving({}, served_model({testing::asked_tasks()[0]}));
  EXPECT_EQ(serving.post("/predict", {{"inputs", "a"}}).size(), 2U);
  EXPECT_EQ(serving.post("/", {{"inputs", "a"}}), serving.post("/predict", {{"inputs", "a"}}));
}

TEST(Predicting, SaysWhatIsWrong) {
  Serving serving;
  const auto refused = [&](const std::string& body, const std::string& words) {
    EXPECT_NE(serving.refusal("/predict", body).find(words), std::string::npos)
        << body << serving.refusal("/predict", body);
  };
  refused("", "400 ");
  refused("{", "400 ");
  refused("{\"inputs\": \"\xff\"}", "400 ");
  refused("[]", "422 the body must be a JSON object");
  refused("{}", "422 `inputs` is missing");
  refused(R"({"inputs": "a"})", "422 `task` is missing; tasks: two, value, three, span, choice");
  refused(R"({"inputs": "a", "task": "no"})", "422 there is no task \"no\"; tasks: two");
  refused(R"({"inputs": "a", "task": ""})", "422 there is no task");
  refused(R"({"inputs": "a", "task": 1})", "422 `task` must be text");
  refused(R"({"inputs": "a", "tasks": []})", "422 `tasks` must be");
  refused(R"({"inputs": "a", "tasks": ["two", "two"]})", "422 `tasks` names \"two\" twice");
  refused(R"({"inputs": "a", "task": "two", "tasks": "all"})", "422 `task` and `tasks`");
  refused(R"({"inputs": 1, "task": "two"})", "422 `inputs` must be");
  refused(R"({"inputs": ["a", "b", "c"], "task": "two"})", "422 `inputs` must be");
  refused(R"({"inputs": [["a"], "b"], "task": "two"})", "422 `inputs` must be");
  refused(R"({"inputs": [], "task": "two"})", "400 `inputs` is an empty list");
  refused(R"({"inputs": "a", "task": "span"})", "422 task \"span\" needs a question");
  refused(R"({"inputs": "a", "task": "choice"})", "422 task \"choice\" chooses among");
  refused(R"({"inputs": ["a", "b"], "task": "two"})", "422 task \"two\" takes one text, and got a");
  refused(R"({"inputs": [["a"], ["a", "b"]], "task": "two"})", "422 task \"two\" takes one text");
  refused(R"({"inputs": ["a", "b"], "task": "tags"})", "422 task \"tags\" takes one text");
  refused(R"({"inputs": "a", "task": "choice", "choices": []})", "400 `choices`");
  refused(R"({"inputs": [["a"]], "task": "choice", "choices": ["b"]})", "422 `choices` must be");
  refused(R"({"inputs": "a", "task": "two", "raw_scores": 1})", "422 `raw_scores` must be");
  refused(R"({"inputs": "a a a a a a a a a a a a a a a", "task": "two", "truncate": false})",
          "413 a text has more than the 14 tokens");
  refused(R"({"inputs": "a", "task": "two", "truncation_direction": "up"})", "422 `trunc");
  Json many = {{"task", "two"}};
  for (int i = 0; i < 33; ++i) many["inputs"].push_back(Json::array({"a"}));
  refused(many.dump(), "413 `inputs` has 33 entries");
  refused("{\"inputs\": " + std::string(100, '[') + std::string(100, ']') + "}", "400 ");
  EXPECT_EQ(serving.post("/predict", {{"inputs", "a"}, {"task", "two"}}).size(), 2U);
}

TEST(Predicting, LongTextsLoseTheEndThatIsAsked) {
  Serving serving;
  const Json body = {{"inputs", "a b c d e f g h i j k l m n"}, {"task", "two"}};
  Json left = body;
  left["truncation_direction"] = "Left";
  const auto model = serving.service().model();
  EXPECT_EQ(serving.post("/predict", body),
            expected(*model, 0, {.text_a = "a b c d e f g h i j k l"}));
  EXPECT_EQ(serving.post("/predict", left),
            expected(*model, 0, {.text_a = "c d e f g h i j k l m n"}));
  // A long context is several rows, of which none is cut.
  EXPECT_EQ(serving.post("/predict", {{"inputs", {"a", "b c d e f g h i j k l m n o p"}},
                                      {"task", "span"},
                                      {"truncate", false}}),
            expected(*model, 3, {.text_a = "a", .text_b = "b c d e f g h i j k l m n o p"}));
}

TEST(Predicting, RanksTexts) {
  Serving serving;
  const Json ranks = serving.post(
      "/rerank",
      {{"query", "a"}, {"texts", {"b", "c d", "e"}}, {"raw_scores", true}, {"return_text", true}});
  ASSERT_EQ(ranks.size(), 3U);
  EXPECT_GE(ranks[0]["score"], ranks[1]["score"]);
  EXPECT_GE(ranks[1]["score"], ranks[2]["score"]);
  const std::vector<std::string> texts = {"b", "c d", "e"};
  for (const Json& rank : ranks) {
    const std::string text = texts[rank["index"].get<size_t>()];
    EXPECT_EQ(rank["text"], text);
    EXPECT_EQ(rank["score"],
              expected(*serving.service().model(), 1, {.text_a = "a", .text_b = text})[0]["score"]);
  }
  const Json scaled = serving.post("/rerank", {{"query", "a"}, {"texts", {"b", "c d"}}});
  EXPECT_GT(scaled[1]["score"], 0.0);
  EXPECT_LE(scaled[0]["score"], 1.0);
  EXPECT_NE(serving.refusal("/rerank", R"({"query": "a", "texts": ["b"], "task": "two"})")
                .find("422 task \"two\" gives no value"),
            std::string::npos);
}

TEST(Vectors, OfTextsInEachForm) {
  Serving serving;
  const int32_t first = letter_tokenizer().vocabulary().find("d").value();
  const Json expected = {{first, 1.0}, {first + 1, 1.0}};
  EXPECT_EQ(serving.post("/embed", {{"inputs", {"d c", "e"}}}), expected);
  EXPECT_EQ(serving.post("/embed", {{"inputs", "d"}, {"normalize", false}, {"task", "two"}}),
            (Json{{first, 0.5}}));
  const Json openai =
      serving.post("/v1/embeddings", {{"input", {"d", "e"}}, {"model", "any\"thing"}});
  EXPECT_EQ(openai["data"][1]["embedding"], expected[1]);
  EXPECT_EQ(openai["data"][1]["index"], 1);
  EXPECT_EQ(openai["model"], "any\"thing");
  EXPECT_EQ(openai["usage"]["total_tokens"], 6);
  const Json base64 = serving.post("/v1/embeddings",
                                   {{"input", "d"}, {"model", "m"}, {"encoding_format", "base64"}});
  EXPECT_EQ(base64["data"][0]["embedding"], "AAAAQQAAgD8=");  // 8 and 1
  const Json similarity =
      serving.post("/similarity", {{"inputs", {{"source_sentence", "d"}, {"sentences", {"e"}}}}});
  EXPECT_EQ(similarity, Json::array({first * (first + 1) + 1.0}));
}

TEST(Vectors, SayWhatIsWrong) {
  auto model = served_model();
  model->has_pooler = false;
  Serving serving({}, model);
  const auto refused = [&](const std::string& target, const std::string& body,
                           const std::string& words) {
    EXPECT_NE(serving.refusal(target, body).find(words), std::string::npos) << body;
  };
  refused("/embed", R"({"inputs": "a", "pooling": "no"})", "422 ");
  refused("/embed", R"({"inputs": "a", "pooling": "pooled"})", "422 ");
  refused("/embed", R"({"inputs": [1]})", "422 `inputs` must be text");
  refused("/v1/embeddings", R"({"input": "a", "encoding_format": "hex"})", "422 ");
  refused("/v1/embeddings", R"({"input": "a", "dimensions": 3})", "422 `dimensions` must be 2");
  refused("/similarity", R"({"inputs": "a"})", "422 `inputs` must be an object");
}

TEST(Tokens, ThereAndBack) {
  Serving serving;
  const Json tokens = serving.post("/tokenize", {{"inputs", "a d"}});
  ASSERT_EQ(tokens.size(), 1U);
  ASSERT_EQ(tokens[0].size(), 4U);
  EXPECT_EQ(tokens[0][0]["special"], true);
  EXPECT_EQ(tokens[0][2]["text"], "d");
  EXPECT_EQ(tokens[0][2]["start"], 2);
  EXPECT_EQ(tokens[0][2]["stop"], 3);
  Json ids;
  for (const Json& token : tokens[0]) ids.push_back(token["id"]);
  EXPECT_EQ(serving.post("/decode", {{"ids", ids}}), Json::array({"a d"}));
  EXPECT_EQ(serving.post("/decode", {{"ids", {ids, ids}}, {"skip_special_tokens", false}}),
            (Json{"[CLS] a d [SEP]", "[CLS] a d [SEP]"}));
  EXPECT_NE(serving.refusal("/decode", R"({"ids": [99]})").find("422 `ids` must be numbers from 0"),
            std::string::npos);
}

}  // namespace
}  // namespace pals
