// Vectors of tokens and texts, and the files that hold them.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "features/test_tokens.h"
#include "predict/run.h"
#include "predict/token_features.h"
#include "predict/vector_writer.h"

namespace pals {
namespace {

std::string rounded(float value) {
  std::string text;
  append_rounded(value, text);
  return text;
}

TEST(TokenFeatures, NumbersAsPythonRoundsAndWritesThem) {
  // Each as json.dumps(round(numpy.float32(x).item(), 6)) has it.
  EXPECT_EQ(rounded(0.0F), "0.0");
  EXPECT_EQ(rounded(-0.0F), "-0.0");
  EXPECT_EQ(rounded(-1e-9F), "-0.0");
  EXPECT_EQ(rounded(1.0F), "1.0");
  EXPECT_EQ(rounded(-12.5F), "-12.5");
  EXPECT_EQ(rounded(0.487211F), "0.487211");
  EXPECT_EQ(rounded(0.23352F), "0.23352");
  EXPECT_EQ(rounded(0.1F), "0.1");
  EXPECT_EQ(rounded(1e-6F), "1e-06");
  EXPECT_EQ(rounded(-2.3e-5F), "-2.3e-05");
  EXPECT_EQ(rounded(9.99999e-5F), "0.0001");
  EXPECT_EQ(rounded(5e-5F), "5e-05");
  EXPECT_EQ(rounded(0.0001F), "0.0001");
  EXPECT_EQ(rounded(0.9999996F), "1.0");
  EXPECT_EQ(rounded(5.339454F), "5.339454");
  EXPECT_EQ(rounded(0.0000005F), "0.0");           // below the half: 4.999999987e-07
  EXPECT_EQ(rounded(0.00390625F), "0.003906");     // a tie goes to the even digit
  EXPECT_EQ(rounded(0.01171875F), "0.011719");     // not a tie
  EXPECT_EQ(rounded(0.0078125F * 5), "0.039062");  // 0.0390625: a tie again
  EXPECT_EQ(rounded(123456.78F), "123456.78125");
  EXPECT_EQ(rounded(3e38F), "3.0000000054977558e+38");
  EXPECT_EQ(rounded(std::numeric_limits<float>::infinity()), "null");
  EXPECT_EQ(rounded(std::numeric_limits<float>::quiet_NaN()), "null");
}

TEST(TokenFeatures, Layers) {
  EXPECT_EQ(parse_feature_layers("-1,-2, 0", 4), (std::vector<int>{-1, -2, 0}));
  for (const char* bad : {"", "-5", "4", "x", "1,,2"}) {
    EXPECT_THROW(parse_feature_layers(bad, 4), UsageError) << bad;
  }
}

TEST(VectorWriter, Formats) {
  EXPECT_EQ(vector_format_of("a.npy"), VectorFormat::kNpy);
  EXPECT_EQ(vector_format_of("a.safetensors"), VectorFormat::kSafetensors);
  EXPECT_EQ(vector_format_of("npy"), VectorFormat::kJsonl);
  EXPECT_THROW(make_vector_writer(VectorFormat::kNpy, "-", 3), UsageError);
}

/// A file with rows 0 1 2, 3 4 5 and so on, written in pieces.
std::string written(const TestFolder& folder, VectorFormat format, int rows) {
  const std::string path = folder / concat("vectors", rows);
  const auto writer = make_vector_writer(format, path, 3);
  for (int row = 0; row < rows; ++row) {
    const auto first = static_cast<float>(3 * row);
    writer->write(row, std::vector<float>{first, first + 1, first + 2});
  }
  writer->flush();
  EXPECT_FALSE(file_exists(path));
  writer->finish();
  return read_file(path, 1 << 20);
}

TEST(VectorWriter, Npy) {
  const TestFolder folder;
  for (const int rows : {0, 2}) {
    const std::string bytes = written(folder, VectorFormat::kNpy, rows);
    EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
    const auto length = static_cast<size_t>(static_cast<unsigned char>(bytes[8])) +
                        256 * static_cast<size_t>(static_cast<unsigned char>(bytes[9]));
    EXPECT_EQ((10 + length) % 64, 0U);
    const std::string header = bytes.substr(10, length);
    EXPECT_EQ(header.back(), '\n');
    EXPECT_TRUE(header.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                                   std::to_string(rows) + ", 3), }"))
        << header;
    ASSERT_EQ(bytes.size(), 10 + length + static_cast<size_t>(rows) * 12);
    if (rows == 2) {
      float last = 0.0F;
      std::memcpy(&last, bytes.data() + bytes.size() - 4, 4);
      EXPECT_EQ(last, 5.0F);
    }
  }
}

TEST(VectorWriter, Safetensors) {
  const TestFolder folder;
  written(folder, VectorFormat::kSafetensors, 4);
  const TensorFile file = read_safetensors(folder / "vectors4");
  ASSERT_EQ(file.tensors().size(), 1U);
  const TensorEntry& entry = file.tensors().front();
  EXPECT_EQ(entry.name, "vectors");
  EXPECT_EQ(entry.shape, (std::vector<int64_t>{4, 3}));
  std::vector<float> values(12);
  copy_as_float(entry, values.data(), values.size());
  EXPECT_EQ(values[11], 11.0F);
}

TEST(VectorWriter, JoinsFiles) {
  for (const VectorFormat format :
       {VectorFormat::kNpy, VectorFormat::kSafetensors, VectorFormat::kJsonl}) {
    const TestFolder folder;
    const std::string whole = written(folder, format, 3);
    std::vector<std::string> parts;
    for (int64_t row = 0; row < 3; ++row) {
      parts.push_back(folder / concat("part", row));
      const auto writer = make_vector_writer(format, parts.back(), 3);
      const auto first = static_cast<float>(3 * row);
      writer->write(row, std::vector<float>{first, first + 1, first + 2});
      writer->finish();
    }
    parts.push_back(folder / "empty");
    make_vector_writer(format, parts.back(), 3)->finish();
    join_vectors(format, parts, folder / "joined", 3);
    EXPECT_EQ(read_file(folder / "joined", 1 << 20), whole);
  }
  const TestFolder folder;
  write_file_atomically(folder / "short", "x");
  EXPECT_THROW(join_vectors(VectorFormat::kNpy, {folder / "short"}, folder / "no", 3), Error);
  EXPECT_FALSE(file_exists(folder / "no"));
}

TEST(VectorWriter, Jsonl) {
  const TestFolder folder;
  EXPECT_EQ(written(folder, VectorFormat::kJsonl, 2),
            "{\"index\": 0, \"vector\": [0, 1, 2]}\n{\"index\": 1, \"vector\": [3, 4, 5]}\n");
}

}  // namespace
}  // namespace pals
