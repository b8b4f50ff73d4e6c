#include "model/tokenizer_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "model/open.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCased = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nparis\nParis\n";
constexpr const char* kUncased = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nparis\n##ING\n";

// A folder of its own for each test, removed at the end.
class TokenizerFiles : public ::testing::Test {
 protected:
  TokenizerFiles()
      : folder_(::testing::TempDir() + "pals_tokenizer_" + std::to_string(::getpid()) + "_" +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~TokenizerFiles() override { fs::remove_all(folder_); }

  void write(const std::string& file, const std::string& text) const {
    write_file_atomically(folder_ + "/" + file, text);
  }

  // Whether texts are lower-cased; `said` is what stands on stderr.
  bool lower_cases(std::optional<bool> flag = std::nullopt) {
    ::testing::internal::CaptureStderr();
    const Tokenizer tokenizer = open_tokenizer(find_tokenizer_files(folder_), flag);
    said_ = ::testing::internal::GetCapturedStderr();
    return tokenizer.do_lower_case();
  }

  void expect_error(const std::string& part) const {
    try {
      open_folder_tokenizer(folder_);
      ADD_FAILURE() << "no error that names " << part;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }

  std::string folder_, said_;
};

TEST_F(TokenizerFiles, TheVocabularyDecidesLastAndALineSaysSo) {
  write("vocab.txt", kCased);
  EXPECT_FALSE(lower_cases());
  EXPECT_EQ(said_, folder_ + "/vocab.txt has capital letters (\"Paris\"): texts keep their case " +
                       "(--do_lower_case: they are lower-cased)\n");
  write("vocab.txt", kUncased);
  EXPECT_TRUE(lower_cases());
  EXPECT_EQ(said_, folder_ + "/vocab.txt has no capital letters: texts are lower-cased " +
                       "(--do_lower_case=false: they keep their case)\n");
}

TEST_F(TokenizerFiles, TokenizerJsonComesBeforeTheVocabulary) {
  write("vocab.txt", kCased);
  const auto with_normalizer = [&](const std::string& normalizer) {
    write("tokenizer.json", R"({"version": "1.0", "normalizer": )" + normalizer + "}");
    const bool lower = lower_cases();
    EXPECT_EQ(said_, "") << normalizer;
    return lower;
  };
  EXPECT_TRUE(with_normalizer(R"({"type": "BertNormalizer", "lowercase": true})"));
  EXPECT_FALSE(with_normalizer(R"({"type": "BertNormalizer", "lowercase": false})"));
  write("tokenizer.json", R"({"version": "1.0"})");  // says nothing
  EXPECT_FALSE(lower_cases());
  EXPECT_NE(said_, "");
}

TEST_F(TokenizerFiles, TokenizerConfigComesBeforeTokenizerJson) {
  write("vocab.txt", kCased);
  write("tokenizer.json", R"({"normalizer": {"type": "BertNormalizer", "lowercase": true}})");
  write("tokenizer_config.json", R"({"do_lower_case": false})");
  EXPECT_FALSE(lower_cases());
  write("tokenizer.json", R"({"normalizer": {"type": "BertNormalizer", "lowercase": false}})");
  write("tokenizer_config.json", R"({"do_lower_case": true})");
  EXPECT_TRUE(lower_cases());
  for (const char* nothing : {R"({"model_max_length": 512})", R"({"do_lower_case": null})"}) {
    write("tokenizer_config.json", nothing);
    EXPECT_FALSE(lower_cases()) << nothing;
  }
}

TEST_F(TokenizerFiles, AFlagComesFirst) {
  write("vocab.txt", kCased);
  EXPECT_TRUE(lower_cases(true));
  EXPECT_EQ(said_, "");
  write("tokenizer.json", R"({"normalizer": {"type": "BertNormalizer", "lowercase": true}})");
  write("tokenizer_config.json", R"({"do_lower_case": true})");
  EXPECT_FALSE(lower_cases(false));
  write("tokenizer_config.json", R"({"do_lower_case": false})");
  EXPECT_TRUE(lower_cases(true));
}

TEST_F(TokenizerFiles, DamagedFilesAreErrors) {
  expect_error("no vocab.txt");
  write("vocab.txt", kCased);
  write("tokenizer.json", R"({"normalizer": {"type": "BertNormalizer", "lowercase": "yes"}})");
  expect_error("tokenizer.json: \"lowercase\"");
  for (const char* other : {"null", R"({"type": "Sequence", "normalizers": []})"}) {
    write("tokenizer.json", R"({"normalizer": )" + std::string(other) + "}");
    expect_error("expected BertNormalizer");
  }
  write("tokenizer.json", "{");
  expect_error("tokenizer.json:1");
  write("tokenizer_config.json", R"({"do_lower_case": 1})");
  expect_error("tokenizer_config.json: \"do_lower_case\"");
}

}  // namespace
}  // namespace pals
