#include "hub/digest.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"

namespace pals {
namespace {

constexpr std::array<uint32_t, 8> kSha1Start = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
                                                0xc3d2e1f0};
constexpr std::array<uint32_t, 8> kSha256Start = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
constexpr std::array<uint32_t, 64> kSha256Round = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

uint32_t big_endian(const unsigned char* bytes) {
  return uint32_t{bytes[0]} << 24U | uint32_t{bytes[1]} << 16U | uint32_t{bytes[2]} << 8U |
         uint32_t{bytes[3]};
}

}  // namespace

Digest::Digest(DigestKind kind)
    : kind_(kind), state_(kind == DigestKind::kSha1 ? kSha1Start : kSha256Start) {}

void Digest::mix_sha1(const unsigned char* block) {
  std::array<uint32_t, 80> w;
  for (size_t t = 0; t < 16; ++t) w[t] = big_endian(block + 4 * t);
  for (size_t t = 16; t < 80; ++t) {
    w[t] = std::rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
  }
  auto [a, b, c, d, e] = std::array{state_[0], state_[1], state_[2], state_[3], state_[4]};
  for (size_t t = 0; t < 80; ++t) {
    uint32_t f = b ^ c ^ d;
    uint32_t k = t < 40 ? 0x6ed9eba1 : 0xca62c1d6;
    if (t < 20) {
      f = (b & c) | (~b & d);
      k = 0x5a827999;
    } else if (t >= 40 && t < 60) {
      f = (b & c) | (b & d) | (c & d);
      k = 0x8f1bbcdc;
    }
    const uint32_t next = std::rotl(a, 5) + f + e + k + w[t];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  const std::array sums = {a, b, c, d, e};
  for (size_t i = 0; i < sums.size(); ++i) state_[i] += sums[i];
}

void Digest::mix_sha256(const unsigned char* block) {
  std::array<uint32_t, 64> w;
  for (size_t t = 0; t < 16; ++t) w[t] = big_endian(block + 4 * t);
  for (size_t t = 16; t < 64; ++t) {
    const uint32_t low = std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ (w[t - 15] >> 3U);
    const uint32_t high = std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ (w[t - 2] >> 10U);
    w[t] = w[t - 16] + low + w[t - 7] + high;
  }
  auto [a, b, c, d, e, f, g, h] = state_;
  for (size_t t = 0; t < 64; ++t) {
    const uint32_t one = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                         ((e & f) ^ (~e & g)) + kSha256Round[t] + w[t];
    const uint32_t two =
        (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + one;
    d = c;
    c = b;
    b = a;
    a = one + two;
  }
  const std::array sums = {a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < sums.size(); ++i) state_[i] += sums[i];
}

void Digest::mix(const unsigned char* block) {
  if (kind_ == DigestKind::kSha1) {
    mix_sha1(block);
  } else {
    mix_sha256(block);
  }
}

void Digest::update(std::string_view bytes) {
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t left = bytes.size();
  const size_t held = length_ % kBlock;
  length_ += left;
  if (held > 0) {
    const size_t taken = std::min(left, kBlock - held);
    std::memcpy(pending_.data() + held, data, taken);
    data += taken;
    left -= taken;
    if (held + taken < kBlock) return;
    mix(pending_.data());
  }
  for (; left >= kBlock; data += kBlock, left -= kBlock) mix(data);
  if (left > 0) std::memcpy(pending_.data(), data, left);
}

std::string Digest::hex() {
  const uint64_t bits = length_ * 8;
  std::string end(1, '\x80');
  end.resize(1 + (2 * kBlock - 9 - length_ % kBlock) % kBlock, '\0');
  for (unsigned byte = 8; byte-- > 0;) end += static_cast<char>(bits >> (8 * byte) & 255U);
  update(end);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  const size_t words = kind_ == DigestKind::kSha1 ? 5 : 8;
  for (size_t i = 0; i < words; ++i) {
    for (unsigned digit = 8; digit-- > 0;) text += kDigits[state_[i] >> (4 * digit) & 15U];
  }
  return text;
}

Digest content_digest(std::string_view etag, uint64_t size) {
  constexpr size_t kSha256Digits = 64;
  if (etag.size() == kSha256Digits) return Digest(DigestKind::kSha256);
  Digest digest(DigestKind::kSha1);
  digest.update(concat("blob ", size));
  digest.update(std::string_view("\0", 1));
  return digest;
}

}  // namespace pals
