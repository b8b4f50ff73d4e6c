#include "tasks/squad.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "tasks/test_files.h"

namespace pals {
namespace {

std::string file_of(const std::string& questions) {
  return R"({"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": "Zoë saw it.",
            "qas": [)" +
         questions + "]}]}]}";
}

QuestionSet parse(const std::string& questions, const SquadRules& rules = {.needs_answers = true}) {
  return parse_squad(file_of(questions), "f.json", rules);
}

std::string error(const std::string& questions, const SquadRules& rules = {.needs_answers = true}) {
  return message_of([&] { parse(questions, rules); });
}

TEST(Squad, ReadsQuestionsAndAnswers) {
  const QuestionSet set = parse(R"({"id": "q1", "question": "Who?", "answers": [
      {"text": "Zoë", "answer_start": 0}, {"text": "it", "answer_start": 8}]},
      {"id": "q2", "question": "What?", "answers": [{"text": "it", "answer_start": 8}]})");
  ASSERT_EQ(set.questions.size(), 2U);
  EXPECT_EQ(set.contexts, std::vector<std::string>{"Zoë saw it."});
  EXPECT_EQ(set.questions[0].id, "q1");
  EXPECT_EQ(set.questions[1].text, "What?");
  ASSERT_EQ(set.questions[0].answers.size(), 2U);
  EXPECT_EQ(set.questions[0].answers[1].text, "it");
  EXPECT_EQ(set.questions[0].answers[1].start, 8);
}

TEST(Squad, QuestionsWithoutAnswersAreAllowedWhereAsked) {
  const std::string impossible =
      R"({"id": "q", "question": "?", "is_impossible": true, "answers": []})";
  const std::string empty = R"({"id": "q", "question": "?", "answers": []})";
  for (const std::string& question : {impossible, empty}) {
    expect_contains(error(question), "question \"q\": it has no answer");
    const QuestionSet set = parse(question, {.unanswerable = true, .needs_answers = true});
    EXPECT_TRUE(set.questions.front().answers.empty());
  }
  expect_contains(error(R"({"id": "q", "question": "?"})"), "\"answers\" is missing");
  EXPECT_EQ(parse(R"({"id": "q", "question": "?"})", {}).questions.size(), 1U);
}

TEST(Squad, NamesTheQuestionThatIsWrong) {
  expect_contains(error(R"({"question": "?"})"),
                  "f.json: article 1, paragraph 1, question 1: the key \"id\" is missing");
  expect_contains(error(R"({"id": 7, "question": "?"})"), "\"id\" is number, want a string");
  const std::string good =
      R"({"id": "q", "question": "?", "answers": [{"text": "it", "answer_start": 8}]})";
  expect_contains(error(good + "," + good), "question \"q\": this id stands in the file twice");
  for (const char* start : {"-1", "11", "1.5", "\"8\"", "18446744073709551615"}) {
    expect_contains(error(std::string(R"({"id": "q", "question": "?", "answers": [{"text": "it",
                          "answer_start": )") +
                          start + "}]}"),
                    "question \"q\": \"answer_start\" is");
  }
  expect_contains(error(R"({"id": "q", "question": "?", "is_impossible": 1, "answers": []})"),
                  "want true or false");
  expect_contains(error(""), "no questions");
  expect_contains(message_of([] { parse_squad("{\"data\": {}}", "f.json", {}); }), "want a list");
  expect_contains(message_of([] { parse_squad("[]", "f.json", {}); }), "want an object");
  expect_contains(message_of([] { parse_squad("{", "f.json", {}); }), "f.json:1:");
}

TEST(Squad, AFileOfNoEndIsNotRead) {
  // Addresses without memory behind them: whoever looked at them would be seen.
  const size_t size = kMaxSquadBytes + 1;
  void* nothing =
      mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(nothing, MAP_FAILED);
  const std::string_view bytes(static_cast<const char*>(nothing), size);
  expect_contains(message_of([&] { parse_squad(bytes, "f.json", {}); }),
                  "f.json: 1073741825 bytes, at most 1073741824 are read");
  munmap(nothing, size);
}

}  // namespace
}  // namespace pals
