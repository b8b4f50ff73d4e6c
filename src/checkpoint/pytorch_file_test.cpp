#include "checkpoint/pytorch_file.h"

#include "checkpoint/safetensors.h"
#include "checkpoint/test_support.h"
#include "checkpoint/zip.h"

namespace pals {
namespace {

using namespace std::string_literals;

std::string file_error(const std::string& bytes) {
  return error_of([&] { parse_pytorch_file(bytes, "w"); });
}

/// A PyTorch zip file around a pickle and further entries.
std::string zip_file(const std::string& pickle,
                     const std::vector<std::pair<std::string, std::string>>& others = {}) {
  TemporaryPath path;
  ZipWriter writer(path.str());
  writer.add("r/data.pkl", pickle);
  for (const auto& [name, bytes] : others) writer.add(name, bytes);
  writer.commit();
  return read_test_file(path.str());
}

/// {"w": tensor} over a storage "0" of `numel` floats.
std::string one_tensor(char numel, const std::string& shape, const std::string& strides) {
  return "\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storage"
         "ctorch\nFloatStorage\nX\x01\0\0\0"
         "0X\x03\0\0\0cpuK"s +
         numel + "tQK\0"s + shape + strides + "\x89}tRs.";
}

TEST(PytorchFile, AllFormatsHoldTheSame) {
  const TensorFile expected = read_safetensors(checkpoint_data("tiny.safetensors"));
  ASSERT_EQ(expected.tensors().size(), 13u);
  for (const char* name : {"tiny_zip.bin", "tiny_nested.bin", "tiny_legacy.bin"}) {
    const TensorFile file = read_pytorch_file(checkpoint_data(name));
    EXPECT_TRUE(same_tensors(file, expected)) << name;
    EXPECT_EQ(file.tensors()[0].name, "bert.weight");
    EXPECT_EQ(file.find("bert.weight")->bytes.data(), file.find("bert.weight.tied")->bytes.data());
  }
}

TEST(PytorchFile, ReadsWhatItWrites) {
  const TensorFile source = read_pytorch_file(checkpoint_data("tiny_zip.bin"));
  TemporaryPath path, again;
  write_pytorch_file(path.str(), source.tensors());
  write_pytorch_file(again.str(), source.tensors());
  EXPECT_EQ(read_test_file(path.str()), read_test_file(again.str()));
  const TensorFile copy = read_pytorch_file(path.str());
  EXPECT_TRUE(same_tensors(copy, source));
  ASSERT_EQ(copy.tensors().size(), source.tensors().size());
  for (size_t place = 0; place < source.tensors().size(); ++place) {
    EXPECT_EQ(copy.tensors()[place].name, source.tensors()[place].name);
  }
  EXPECT_EQ(copy.find("bert.weight")->bytes.data(), copy.find("bert.weight.tied")->bytes.data());
  EXPECT_NE(copy.find("bert.weight")->bytes.data(), copy.find("transposed")->bytes.data());

  const std::string written = read_test_file(path.str());
  std::vector<std::string> names;
  for (const ZipEntry& entry : read_stored_zip(written, "w")) names.push_back(entry.name);
  ASSERT_EQ(names.size(), source.tensors().size() - 1 + 3);
  EXPECT_EQ(names.front(), "archive/data.pkl");
  EXPECT_EQ(names.back(), "archive/version");
}

TEST(PytorchFile, RefusesToWriteNonsense) {
  const float value = 1;
  const TensorEntry good = make_tensor_entry("a", DType::kF32, {1}, &value);
  TensorEntry bad = good;
  bad.bytes = bad.bytes.first(3);
  TemporaryPath path;
  EXPECT_NE(error_of([&] {
              write_pytorch_file(path.str(), std::vector{good, good});
            }).find("two tensors"),
            std::string::npos);
  EXPECT_NE(error_of([&] { write_pytorch_file(path.str(), std::vector{bad}); }).find("do not hold"),
            std::string::npos);
  EXPECT_FALSE(file_exists(path.str()));
}

TEST(PytorchFile, RefusesWhatIsNoStateDict) {
  const std::string storage(8, 'x');
  const std::string shape = "K\x02\x85", strides = "K\x01\x85";
  const std::string good = one_tensor(2, shape, strides);
  EXPECT_EQ(file_error(zip_file(good, {{"r/data/0", storage}})), "");
  const struct {
    std::string bytes;
    const char* expected;
  } cases[] = {
      {zip_file("\x80\x02"
                "cos\nsystem\n."),
       "refused: os.system"},
      {zip_file("\x80\x02}."), "no tensors"},
      {zip_file("\x80\x02}X\x01\0\0\0"
                "acargparse\nNamespace\n)Rs."s),
       "no tensors in the saved object beside objects that are not read (argparse.Namespace)"},
      {zip_file("\x80\x02]."), "no tensors"},
      {zip_file("\x80\x02}.."), "bytes after the end of data.pkl"},
      {zip_file(good), "storage \"0\" is missing"},
      {zip_file(good, {{"r/data/0", "1234567"}}), "has 7 bytes, expected 8"},
      {zip_file(good, {{"r/data/0", storage}, {"r/byteorder", "big"}}), "byte order \"big\""},
      {zip_file(good, {{"r/data/0", storage}, {"r/constants.pkl", ""}}), "TorchScript"},
      {zip_file(good, {{"r/data/0", storage}, {"s/data.pkl", good}}), "two entries"},
      {zip_file(one_tensor(2, "K\x03\x85", strides), {{"r/data/0", storage}}),
       "outside its storage"},
      {zip_file(one_tensor(2, "\x8a\x05\0\0\0\0\x40\x85"s, "K\0\x85"s), {{"r/data/0", storage}}),
       "expands a smaller storage"},
  };
  for (const auto& [bytes, expected] : cases) {
    EXPECT_NE(file_error(bytes).find(expected), std::string::npos)
        << file_error(bytes) << ", expected " << expected;
  }
}

/// {"before": object, KEY: {"w": tensor}, "after": object}.
std::string training_checkpoint(const std::string& key) {
  const std::string object = "cargparse\nNamespace\n)\x81}X\x02\0\0\0lrK\x05sb"s;
  const std::string dict = one_tensor(2, "K\x02\x85", "K\x01\x85");
  return "\x80\x02}(X\x06\0\0\0before"s + object + "X" + static_cast<char>(key.size()) + "\0\0\0"s +
         key + dict.substr(2, dict.size() - 3) + "X\x05\0\0\0after"s + object + "u.";
}

TEST(PytorchFile, TrainingCheckpointsHoldTheWeightsUnderAKey) {
  for (const char* key : {"state_dict", "model_state_dict", "model", "state", "weights", "other"}) {
    const std::string bytes = zip_file(training_checkpoint(key), {{"r/data/0", "abcdefgh"}});
    const TensorFile file = parse_pytorch_file(bytes, "w");
    ASSERT_EQ(file.tensors().size(), 1u) << key;
    EXPECT_EQ(file.tensors()[0].name, "w");
    EXPECT_EQ(std::memcmp(file.tensors()[0].bytes.data(), "abcdefgh", 8), 0);
  }
}

TEST(PytorchFile, TensorsOfUnknownKindsDoNotVanish) {
  const std::string one = one_tensor(2, "K\x02\x85", "K\x01\x85");
  const std::string with_quantized =
      one.substr(0, one.size() - 1) + "X\x01\0\0\0qctorch._utils\n_rebuild_qtensor\n)Rs."s;
  EXPECT_NE(file_error(zip_file(with_quantized, {{"r/data/0", "abcdefgh"}}))
                .find("refused: \"q\" is made with torch._utils._rebuild_qtensor"),
            std::string::npos);
}

TEST(PytorchFile, ExpandedTensorsAreCopied) {
  const std::string bytes =
      zip_file(one_tensor(2, "K\x03K\x02\x86", "K\0K\x01\x86"s), {{"r/data/0", "abcdefgh"}});
  const TensorFile file = parse_pytorch_file(bytes, "w");
  const std::span<const std::byte> data = file.find("w")->bytes;
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(data.data()), data.size()),
            "abcdefghabcdefghabcdefgh");
}

TEST(PytorchFile, LegacyFilesAreChecked) {
  const std::string whole = read_test_file(checkpoint_data("tiny_legacy.bin"));
  EXPECT_EQ(file_error(whole), "");
  EXPECT_NE(file_error(whole + "x").find("1 bytes after the last storage"), std::string::npos);
  std::string other = whole;
  other[5] ^= 1;
  EXPECT_NE(file_error(other).find("magic number"), std::string::npos);
  other = whole;
  const size_t order = other.find("little_endian");
  ASSERT_NE(order, std::string::npos);
  other[other.find('\x88', order)] = '\x89';
  EXPECT_NE(file_error(other).find("big-endian"), std::string::npos);
}

/// Zip entries carry checksums: a damaged file gives an Error or the true tensors.
TEST(PytorchFile, SurvivesDamage) {
  const auto parse = [](const std::string& damaged) { parse_pytorch_file(damaged, "w"); };
  const std::string zip = read_test_file(checkpoint_data("tiny_zip.bin"));
  const TensorFile expected = parse_pytorch_file(zip, "w");
  expect_errors_when_cut(zip, parse);
  flip_bits(zip, [&](const std::string& damaged) {
    EXPECT_TRUE(same_tensors(parse_pytorch_file(damaged, "w"), expected));
  });
  const std::string legacy = read_test_file(checkpoint_data("tiny_legacy.bin"));
  expect_errors_when_cut(legacy, parse);
  flip_bits(legacy, parse);
}

}  // namespace
}  // namespace pals
