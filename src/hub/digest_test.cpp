#include "hub/digest.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace pals {
namespace {

std::string digest(DigestKind kind, std::string_view bytes, size_t piece) {
  Digest digest(kind);
  for (size_t at = 0; at < bytes.size(); at += piece) digest.update(bytes.substr(at, piece));
  return digest.hex();
}

// Of FIPS 180 and of lengths around a block, as sha1sum and sha256sum print them.
TEST(Digests, KnownSums) {
  struct Known {
    std::string bytes;
    const char* sha1;
    const char* sha256;
  };
  const Known known[] = {
      {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d",
       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {std::string(55, 'a'), "c1c8bbdc22796e28c0e15163d20899b65621d65a",
       "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
      {std::string(56, 'a'), "c2db330f6083854c99d4b5bfb6e8f29f201be699",
       "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
      {std::string(63, 'a'), "03f09f5b158a7a8cdad920bddc29b81c18a551f5",
       "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
      {std::string(64, 'a'), "0098ba824b5c16427bd7a1122a5a442a25ec644d",
       "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
      {std::string(119, 'a'), "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56",
       "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"},
      {std::string(1'000'000, 'a'), "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const Known& one : known) {
    for (const size_t piece : {size_t{1}, size_t{63}, size_t{64}, size_t{1000}}) {
      EXPECT_EQ(digest(DigestKind::kSha1, one.bytes, piece), one.sha1) << one.bytes.size();
      EXPECT_EQ(digest(DigestKind::kSha256, one.bytes, piece), one.sha256) << one.bytes.size();
    }
  }
}

// `printf 'hello\n' | git hash-object --stdin`
TEST(Digests, GitsOwn) {
  Digest digest = content_digest("ce013625030ba8dba906f756967f9e9ca394464a", 6);
  digest.update("hello\n");
  EXPECT_EQ(digest.hex(), "ce013625030ba8dba906f756967f9e9ca394464a");
}

}  // namespace
}  // namespace pals
