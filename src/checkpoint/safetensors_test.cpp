#include "checkpoint/safetensors.h"

#include "checkpoint/test_support.h"

namespace pals {
namespace {

std::string with_header(const std::string& header, const std::string& buffer = "") {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + header + buffer;
}

std::string parse_error(const std::string& bytes) {
  return error_of([&] { parse_safetensors(bytes, "w"); });
}

TEST(Safetensors, WritesWhatItReads) {
  const std::vector<float> weight = {1, -2, 3, 4, 5, 6};
  const std::vector<int64_t> step = {-5};
  const std::vector<uint8_t> mask = {1, 0, 1};
  const std::vector<TensorEntry> tensors = {
      make_tensor_entry("mask", DType::kBool, {3}, mask.data()),
      make_tensor_entry("weight", DType::kF32, {2, 3}, weight.data()),
      make_tensor_entry("a \"quoted\" näme", DType::kF32, {0, 7}, nullptr),
      make_tensor_entry("step", DType::kI64, {}, step.data()),
  };
  TemporaryPath path, again;
  write_safetensors(path.str(), tensors, {{"format", "pt"}, {"note", "x"}});
  write_safetensors(again.str(), std::vector(tensors.rbegin(), tensors.rend()),
                    {{"note", "x"}, {"format", "pt"}});
  EXPECT_EQ(read_test_file(path.str()), read_test_file(again.str()));

  const TensorFile file = read_safetensors(path.str());
  ASSERT_EQ(file.tensors().size(), tensors.size());
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"format", "pt"}, {"note", "x"}}));
  for (const TensorEntry& tensor : tensors) {
    ASSERT_NE(file.find(tensor.name), nullptr) << tensor.name;
    EXPECT_TRUE(same_tensor(*file.find(tensor.name), tensor)) << tensor.name;
    const auto address = reinterpret_cast<uintptr_t>(file.find(tensor.name)->bytes.data());
    EXPECT_EQ(address % dtype_size(tensor.dtype), 0u) << tensor.name;
  }
}

TEST(Safetensors, AnEmptyFileIsOne) {
  TemporaryPath path;
  write_safetensors(path.str(), {});
  EXPECT_TRUE(read_safetensors(path.str()).tensors().empty());
}

TEST(Safetensors, RefusesToWriteNonsense) {
  const float value = 1;
  const TensorEntry good = make_tensor_entry("a", DType::kF32, {1}, &value);
  TensorEntry bad = good;
  bad.shape = {2};
  TemporaryPath path;
  const auto write = [&](std::vector<TensorEntry> tensors) {
    return error_of([&] { write_safetensors(path.str(), tensors); });
  };
  EXPECT_NE(write({good, good}).find("two tensors"), std::string::npos);
  EXPECT_NE(write({bad}).find("do not hold shape [2]"), std::string::npos);
  bad = good;
  bad.name = "__metadata__";
  EXPECT_NE(write({bad}).find("cannot be named"), std::string::npos);
  bad.name = "\xff";
  EXPECT_NE(write({bad}).find("UTF-8"), std::string::npos);
  EXPECT_FALSE(file_exists(path.str()));
}

TEST(Safetensors, ReadsForeignHeaders) {
  const std::string bytes =
      with_header(R"( {"b":{"shape":[2],"data_offsets":[4,6],"dtype":"U8"},)"
                  R"("a":{"dtype":"F16","shape":[1,2],"data_offsets":[0,4]},"z":{"dtype":"F32",)"
                  R"("shape":[0],"data_offsets":[4,4]}}   )",
                  "abcdef");
  EXPECT_NE(parse_error(bytes).find("does not start with '{'"), std::string::npos);
  std::string trimmed = bytes.substr(9);
  const uint64_t length = trimmed.size() - 6;
  trimmed = std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + trimmed;
  const TensorFile file = parse_safetensors(trimmed, "w");
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.find("b")->bytes.size(), 2u);
  EXPECT_EQ(static_cast<char>(file.find("b")->bytes[0]), 'e');
  EXPECT_TRUE(file.find("z")->bytes.empty());
}

TEST(Safetensors, RefusesDamagedHeaders) {
  const struct {
    const char* header;
    const char* expected;
  } cases[] = {
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "do not hold shape [2]"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "outside the buffer"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "outside the buffer"},
      {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}})", "a hole"},
      {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})", "belong to none"},
      {R"({})", "belong to none"},
      {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
       R"("b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
       "overlaps"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
       R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
       "two tensors are named"},
      {R"({"a":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}})", "two values"},
      {R"({"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", "F8_E4M3"},
      {R"({"a":{"dtype":"U8","shape":[4]}})", "expected dtype, shape and data_offsets"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"x":1}})", "unknown key"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0]}})", "expected 2"},
      {R"({"a":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}})", "unexpected -4"},
      {R"({"a":{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]}})", "unexpected 4.0"},
      {R"({"a":{"dtype":"U8","shape":[[4]],"data_offsets":[0,4]}})", "unexpected a list"},
      {R"({"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,4]}})",
       "unexpected 18446744073709551615"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})",
       "do not hold shape"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})",
       "do not hold shape"},
      {R"({"a":7})", "unexpected 7"},
      {R"({"__metadata__":{"a":{}}})", "unexpected an object"},
      {R"({"__metadata__":{"a":"b","a":"c"}})", "two values"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}x)", "not valid JSON"},
      {"{\"\xff\":{}}", "not valid JSON"},
  };
  for (const auto& [header, expected] : cases) {
    EXPECT_NE(parse_error(with_header(header, "abcd")).find(expected), std::string::npos)
        << header << "\n"
        << parse_error(with_header(header, "abcd"));
  }
}

TEST(Safetensors, RefusesLongAndDeepHeaders) {
  EXPECT_NE(parse_error("\xff\xff\xff\xff\xff\xff\xff\xff{}").find("not a safetensors file"),
            std::string::npos);
  EXPECT_NE(parse_error(std::string("\x00\xe1\xf5\x05\0\0\0\0{}", 10)).find("cut short"),
            std::string::npos);
  std::string deep = R"({"a":)";
  for (int level = 0; level < 1'000'000; ++level) deep += '[';
  // A dimension of 0 makes an empty tensor, whatever stands beside it.
  const std::string empty =
      with_header(R"({"a":{"dtype":"F32","shape":[0,1152921504606846976],"data_offsets":[0,0]}})");
  EXPECT_EQ(parse_safetensors(empty, "f").tensors().front().numel(), 0);
  EXPECT_NE(parse_error(with_header(deep)).find("unexpected a list"), std::string::npos);
  std::string wide = R"({"a":{"shape":[1)";
  for (int count = 0; count < 1'000'000; ++count) wide += ",1";
  EXPECT_NE(parse_error(with_header(wide)).find("more than 64 numbers"), std::string::npos);
}

TEST(Safetensors, SurvivesDamage) {
  const std::string bytes = read_test_file(checkpoint_data("tiny.safetensors"));
  const TensorFile whole = parse_safetensors(bytes, "w");
  EXPECT_EQ(whole.tensors().size(), 13u);
  const auto parse = [](const std::string& damaged) { parse_safetensors(damaged, "w"); };
  expect_errors_when_cut(bytes, parse);
  flip_bits(bytes, parse);
}

TEST(Safetensors, AChecksumIsOverAllOfTheFile) {
  const std::vector<float> large(300'000, 1.5F), small = {1, 2, 3};
  const std::vector<TensorEntry> tensors = {
      make_tensor_entry("large", DType::kF32, {300'000}, large.data()),
      make_tensor_entry("small", DType::kF32, {3}, small.data())};
  TemporaryPath path, plain;
  write_checked_safetensors(path.str(), tensors, {{"note", "before"}, {"state", "x"}});
  std::string bytes = read_test_file(path.str());
  EXPECT_TRUE(verify_checksum(bytes, "w"));
  EXPECT_EQ(parse_safetensors(bytes, "w").metadata().at("state"), "x");
  for (const size_t at : {bytes.find("before"), bytes.find("\"state"), size_t{50}, size_t{400'000},
                          bytes.size() - 1}) {
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    EXPECT_NE(error_of([&] { verify_checksum(bytes, "w"); }), "") << at;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
  }
  write_safetensors(plain.str(), tensors, {{"state", "x"}});
  EXPECT_FALSE(verify_checksum(read_test_file(plain.str()), "w"));
}

}  // namespace
}  // namespace pals
