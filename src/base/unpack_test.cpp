#include "base/unpack.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/input_stream.h"

namespace pals {
namespace {

std::string gzip(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(packed.size() - stream.avail_out);
  deflateEnd(&stream);
  return packed;
}

// With a checksum, as the command `zstd` writes it.
std::string zstd(std::string_view text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  packed.resize(ZSTD_compress2(context, packed.data(), packed.size(), text.data(), text.size()));
  ZSTD_freeCCtx(context);
  return packed;
}

std::string unpack(std::string_view packed, size_t piece) {
  Unpacker unpacker(compression_of(packed), "f");
  std::string content;
  for (; !packed.empty(); packed.remove_prefix(std::min(piece, packed.size()))) {
    unpacker.add(packed.substr(0, piece), content);
  }
  unpacker.finish();
  return content;
}

std::string unpack_error(std::string_view packed) {
  try {
    unpack(packed, 1000);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 60000; ++i) text += std::to_string(i * 7919 % 100003) + "\tword\n";
  return text;
}

TEST(Unpack, KnowsCompressedFilesByTheirStart) {
  EXPECT_EQ(compression_of(gzip("a")), Compression::kGzip);
  EXPECT_EQ(compression_of(zstd("a")), Compression::kZstd);
  EXPECT_EQ(compression_of("(text)"), Compression::kNone);
  EXPECT_TRUE(may_be_compressed(""));
  EXPECT_TRUE(may_be_compressed("("));
  EXPECT_FALSE(may_be_compressed("(t"));
  EXPECT_FALSE(may_be_compressed("a"));
}

TEST(Unpack, GivesTheContentInPiecesOfAnySize) {
  const std::string text = long_text();
  for (const std::string& packed : {gzip(text), zstd(text)}) {
    for (const size_t piece : {size_t{1}, size_t{777}, packed.size()}) {
      EXPECT_EQ(unpack(packed, piece), text);
    }
    EXPECT_EQ(unpack(packed + packed, 4096), text + text) << "members one after the other";
  }
  EXPECT_EQ(unpack(gzip(""), 3), "");
  EXPECT_EQ(unpack(zstd(""), 3), "");
  EXPECT_EQ(unpack(gzip("a") + std::string(600, '\0'), 100), "a");
}

TEST(Unpack, RefusesDamage) {
  for (const std::string& packed : {gzip(long_text()), zstd(long_text())}) {
    EXPECT_NE(unpack_error(packed.substr(0, packed.size() / 2)).find("f: its compressed data end"),
              std::string::npos);
    std::string damaged = packed;
    damaged[packed.size() / 2] ^= 1;
    damaged[packed.size() / 2 + 1] ^= 64;
    EXPECT_TRUE(unpack_error(damaged).starts_with("f: "));
    EXPECT_NE(unpack_error(packed + "more").find("f: "), std::string::npos);
  }
}

TEST(Unpack, RefusesWhatExpandsTooMuch) {
  const std::string zeros(size_t{80} << 20, '0');
  for (const std::string& packed : {gzip(zeros), zstd(zeros)}) {
    EXPECT_EQ(unpack_error(packed),
              "f: unpacked it is more than 100 times its size and 64 MiB; unpack it yourself if "
              "that is right");
  }
  const std::string_view some = std::string_view(zeros).substr(0, size_t{60} << 20);
  EXPECT_EQ(unpack(zstd(some), 100), some);
}

TEST(Unpack, FilesAndStreams) {
  const std::string path = testing::TempDir() + "/pals_unpack_" + std::to_string(::getpid());
  const std::string text = long_text();
  for (const std::string& bytes : {text, gzip(text), zstd(text), std::string(), std::string("(")}) {
    const std::string& content = compression_of(bytes) == Compression::kNone ? bytes : text;
    std::ofstream(path, std::ios::binary) << bytes;
    EXPECT_EQ(UnpackedFile(path).bytes(), content);
    InputStream stream(path);
    if (stream.look_ahead()) {
      EXPECT_TRUE(content.starts_with(stream.ahead()));
    }
    std::string read;
    while (stream.read(read, 1000)) {
    }
    EXPECT_EQ(read, content);
    EXPECT_TRUE(stream.at_hand(0));
    InputStream another(path);
    EXPECT_TRUE(another.wait());
  }
  std::ofstream(path, std::ios::binary) << gzip(text).substr(0, 1000);
  EXPECT_THROW(UnpackedFile{path}, Error);
  InputStream cut(path);
  std::string read;
  EXPECT_THROW(while (cut.read(read, 1000)){}, Error);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace pals
