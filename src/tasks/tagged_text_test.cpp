#include "tasks/tagged_text.h"

#include <gtest/gtest.h>

#include <memory>

#include "tasks/test_files.h"

namespace pals {
namespace {

using Texts = std::vector<std::string>;

DataFile conll(int word = 0, std::optional<int> tag = -1, FileFormat format = FileFormat::kConll) {
  DataFile file{.split = "train", .format = format, .text_a = {word, ""}};
  if (tag) file.label = {{*tag, ""}};
  return file;
}

bool is_bio(std::string_view tag) { return tag == "O" || (tag.size() > 2 && tag[1] == '-'); }

std::vector<TaggedText> read(const DataFile& file, std::string_view bytes) {
  std::unique_ptr<TaggedReader> reader;
  if (file.format == FileFormat::kJsonl) {
    reader = std::make_unique<TaggedJsonReader>(file, bytes, "f");
  } else {
    reader = std::make_unique<ConllReader>(file, bytes, "f", is_bio);
  }
  std::vector<TaggedText> sentences;
  for (TaggedText sentence; reader->next(sentence);) sentences.push_back(sentence);
  return sentences;
}

std::string error(const DataFile& file, std::string_view bytes) {
  return message_of([&] { read(file, bytes); });
}

TEST(Conll, ColumnsArePartedByBlanksOrTabs) {
  for (const char* text : {"EU NNP B-ORG\nrejects VBZ O\n\nPeter NNP B-PER\n",
                           "EU\tNNP\tB-ORG\r\nrejects\tVBZ\tO\r\n\r\n\r\nPeter\tNNP\tB-PER",
                           "EU   NNP  B-ORG\nrejects  VBZ O  \n \t\nPeter NNP   B-PER\n\n\n"}) {
    const auto sentences = read(conll(), text);
    ASSERT_EQ(sentences.size(), 2U) << text;
    EXPECT_EQ(sentences[0].words, (Texts{"EU", "rejects"}));
    EXPECT_EQ(sentences[0].tags, (Texts{"B-ORG", "O"}));
    EXPECT_EQ(sentences[1].words, (Texts{"Peter"}));
  }
  const auto middle = read(conll(1, 2), "1 EU B-ORG x\n2 rejects O y\n");
  EXPECT_EQ(middle[0].words, (Texts{"EU", "rejects"}));
  EXPECT_EQ(middle[0].tags, (Texts{"B-ORG", "O"}));
}

TEST(Conll, BlanksBetweenTabsAreOfTheWord) {
  const auto sentences = read(conll(), "New York\tB-LOC\n");
  EXPECT_EQ(sentences[0].words, (Texts{"New York"}));
}

TEST(Conll, DocumentStartsAndCommentsAreLeftOut) {
  const auto sentences = read(conll(),
                              "-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\n-DOCSTART- -X- O O\n"
                              "Peter NNP B-NP B-PER\n");
  ASSERT_EQ(sentences.size(), 2U);
  EXPECT_EQ(sentences[1].words, (Texts{"Peter"}));
  // As many columns as words, but no tag.
  const auto comments = read(conll(), "# id 1 domain=en\na _ _ B-X\n\n# id 2\nc _ _ O\n");
  ASSERT_EQ(comments.size(), 2U);
  EXPECT_EQ(comments[0].words, (Texts{"a"}));
  EXPECT_EQ(comments[1].words, (Texts{"c"}));
  const auto signs = read(conll(), "a O\n# O\n\n# O\n1 O\n");
  ASSERT_EQ(signs.size(), 2U);
  EXPECT_EQ(signs[0].words, (Texts{"a", "#"}));
  EXPECT_EQ(signs[1].words, (Texts{"#", "1"})) << "the sign is a word";
}

TEST(Conll, UniversalFilesHaveWordsOfSeveralLines) {
  const auto sentences =
      read(conll(1, 3, FileFormat::kConllu),
           "# sent_id = 1\n# text = vámonos 10 000\n1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_\n"
           "1\tvamos\tir\tVERB\t_\t_\t0\t_\t_\t_\n2\tnos\tnos\tPRON\t_\t_\t1\t_\t_\t_\n"
           "2.1\tx\tx\tX\t_\t_\t_\t_\t_\t_\n3\t10 000\t10 000\tNUM\t_\t_\t1\t_\t_\t_\n\n");
  ASSERT_EQ(sentences.size(), 1U);
  EXPECT_EQ(sentences[0].words, (Texts{"vamos", "nos", "10 000"}));
  EXPECT_EQ(sentences[0].tags, (Texts{"VERB", "PRON", "NUM"}));
}

TEST(Conll, TestFilesMayLackTags) {
  const auto sentences = read(conll(0, std::nullopt), "EU\nrejects\n\nPeter\n");
  ASSERT_EQ(sentences.size(), 2U);
  EXPECT_TRUE(sentences[0].tags.empty());
}

TEST(Conll, SaysWhereALineIsShort) {
  expect_contains(error(conll(), "EU B-ORG\nrejects\n"), "f:2: got 1 column, want a tag");
  expect_contains(error(conll(3, 0), "EU B-ORG\n"), "f:1: got 2 columns, want a word in column 3");
  std::string endless;
  for (size_t i = 0; i <= kMostWords; ++i) endless += "a O\n";
  expect_contains(error(conll(), endless), "a blank line ends a sentence");
  DataFile named = conll();
  named.text_a = {std::nullopt, "word"};
  expect_contains(error(named, "a O\n"), "given by name");
}

DataFile jsonl(const char* words, const char* tags) {
  DataFile file{.split = "train", .format = FileFormat::kJsonl, .text_a = {std::nullopt, words}};
  if (*tags != 0) file.label = {{std::nullopt, tags}};
  return file;
}

TEST(TaggedJson, HasWordsAndTagsOrATextAndSpans) {
  const auto words =
      read(jsonl("tokens", "tags"), R"({"tokens": ["EU", "10"], "tags": ["B-ORG", 0]})"
                                    "\n\n"
                                    R"({"tokens": [], "tags": []})");
  ASSERT_EQ(words.size(), 2U);
  EXPECT_EQ(words[0].words, (Texts{"EU", "10"}));
  EXPECT_EQ(words[0].tags, (Texts{"B-ORG", "0"}));
  const auto spans = read(jsonl("text", "spans"),
                          "{\"text\": \"Zo\xC3\xAB of EU\", \"spans\": [[7, 9, \"ORG\"], "
                          "{\"start\": 0, \"end\": 3, \"label\": \"PER\"}]}");
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_TRUE(spans[0].is_text);
  ASSERT_EQ(spans[0].spans.size(), 2U);
  EXPECT_EQ(spans[0].spans[0].type, "PER") << "in order";
  EXPECT_EQ(spans[0].spans[1].last, 9);
}

TEST(TaggedJson, SaysWhatIsWrong) {
  const DataFile words = jsonl("tokens", "tags"), spans = jsonl("text", "spans");
  expect_contains(error(words, R"({"tokens": ["a", "b"], "tags": ["O"]})"),
                  "f:1: 2 words at \"tokens\", but 1 tag at");
  expect_contains(error(words, R"({"tokens": ["a", " "], "tags": ["O", "O"]})"), "is empty");
  expect_contains(error(words, R"({"tokens": [["a"]], "tags": ["O"]})"), "want strings");
  expect_contains(error(words, R"({"tokens": ["a"]})"), "no key \"tags\"");
  expect_contains(error(words, "[]"), "want a JSON object");
  for (const auto& [list, part] :
       {std::pair{"[[0, 3, \"X\"]]", "a span is 0 to 3 of a text of 2 characters"},
        {"[[1, 1, \"X\"]]", "a span is 1 to 1"},
        {"[[0, 1, \"X\"], [0, 2, \"Y\"]]", "two spans overlap at character 0"},
        {"[[0, 1]]", "a span is"},
        {"[[0, 1, 2]]", "label"},
        {"[[-1, 1, \"X\"]]", "place"},
        {"[[0, 1e30, \"X\"]]", "place"},
        {"{}", "no list of spans"}}) {
    expect_contains(error(spans, concat(R"({"text": "ab", "spans": )", list, "}")), part);
  }
}

}  // namespace
}  // namespace pals
