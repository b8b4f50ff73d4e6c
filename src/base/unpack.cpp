#include "base/unpack.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace pals {
namespace {

constexpr std::string_view kGzipStart = "\x1F\x8B";
constexpr std::string_view kZstdStart = "\x28\xB5\x2F\xFD";
constexpr size_t kPiece = size_t{1} << 17;
// Texts shrink to a tenth or a fifth.
constexpr uint64_t kAnySize = uint64_t{64} << 20, kMostTimes = 100;

}  // namespace

Compression compression_of(std::string_view start) {
  if (start.starts_with(kGzipStart)) return Compression::kGzip;
  return start.starts_with(kZstdStart) ? Compression::kZstd : Compression::kNone;
}

bool may_be_compressed(std::string_view start) {
  return kGzipStart.starts_with(start) || kZstdStart.starts_with(start) ||
         compression_of(start) != Compression::kNone;
}

/// One library's way to unpack.
class Unpacker::Engine {
 public:
  virtual ~Engine() = default;
  /// Takes from the front of `bytes` and fills `piece`; the number of bytes in it. Throws Error
  /// without the file's name.
  virtual size_t unpack(std::string_view& bytes, char* piece) = 0;
  /// Whether a member or frame has just ended.
  virtual bool complete() const = 0;
};

class Unpacker::Gzip : public Engine {
 public:
  Gzip() {
    constexpr int kGzipWindow = MAX_WBITS + 16;
    if (::inflateInit2(&stream_, kGzipWindow) != Z_OK) fail("zlib cannot start");
  }
  ~Gzip() override { ::inflateEnd(&stream_); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  size_t unpack(std::string_view& bytes, char* piece) override {
    if (complete_) {
      // Zeros fill up the blocks of tapes.
      while (!bytes.empty() && bytes.front() == '\0') bytes.remove_prefix(1);
      if (bytes.empty()) return 0;
      ::inflateReset(&stream_);
      complete_ = false;
    }
    const size_t most = std::min<size_t>(bytes.size(), size_t{1} << 30);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(most);
    stream_.next_out = reinterpret_cast<Bytef*>(piece);
    stream_.avail_out = static_cast<uInt>(kPiece);
    const int state = ::inflate(&stream_, Z_NO_FLUSH);
    if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR) {
      fail("damaged gzip data", stream_.msg != nullptr ? concat(" (", stream_.msg, ")") : "");
    }
    bytes.remove_prefix(most - stream_.avail_in);
    complete_ = state == Z_STREAM_END;
    return kPiece - stream_.avail_out;
  }
  bool complete() const override { return complete_; }

 private:
  z_stream stream_{};
  bool complete_ = false;
};

class Unpacker::Zstd : public Engine {
 public:
  Zstd() : stream_(::ZSTD_createDStream()) {
    if (stream_ == nullptr) fail("zstd cannot start");
  }
  ~Zstd() override { ::ZSTD_freeDStream(stream_); }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;

  size_t unpack(std::string_view& bytes, char* piece) override {
    if (bytes.empty() && complete_) return 0;
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    ZSTD_outBuffer out{piece, kPiece, 0};
    const size_t state = ::ZSTD_decompressStream(stream_, &out, &in);
    if (::ZSTD_isError(state) != 0) fail("damaged zstd data (", ::ZSTD_getErrorName(state), ")");
    bytes.remove_prefix(in.pos);
    complete_ = state == 0;
    return out.pos;
  }
  bool complete() const override { return complete_; }

 private:
  ZSTD_DStream* stream_;
  bool complete_ = false;
};

Unpacker::Unpacker(Compression compression, std::string where) : where_(std::move(where)) {
  if (compression == Compression::kZstd) {
    engine_ = std::make_unique<Zstd>();
  } else {
    engine_ = std::make_unique<Gzip>();
  }
}

Unpacker::~Unpacker() = default;
Unpacker::Unpacker(Unpacker&&) noexcept = default;
Unpacker& Unpacker::operator=(Unpacker&&) noexcept = default;

void Unpacker::check_size() const {
  if (given_ <= kAnySize || given_ / kMostTimes <= taken_) return;
  fail(where_, ": unpacked it is more than ", kMostTimes, " times its size and ", kAnySize >> 20,
       " MiB; unpack it yourself if that is right");
}

void Unpacker::add(std::string_view bytes, std::string& content) {
  taken_ += bytes.size();
  while (true) {
    const size_t before = content.size(), left = bytes.size();
    content.resize(before + kPiece);
    size_t got = 0;
    try {
      got = engine_->unpack(bytes, content.data() + before);
    } catch (const Error& error) {
      fail(where_, ": ", error.what());
    }
    content.resize(before + got);
    given_ += got;
    check_size();
    if (got == 0 && !bytes.empty() && bytes.size() == left) fail(where_, ": damaged data");
    // A full piece may have more behind it, even when all bytes are taken.
    if (bytes.empty() && got < kPiece) return;
  }
}

void Unpacker::finish() const {
  if (!engine_->complete()) fail(where_, ": its compressed data end too early: it is cut off");
}

UnpackedFile::UnpackedFile(const std::string& path) : file_(path) {
  const Compression compression = compression_of(file_.bytes());
  packed_ = compression != Compression::kNone;
  if (!packed_) return;
  Unpacker unpacker(compression, path);
  // In pieces, so that a file that expands too much is refused early.
  constexpr size_t kTaken = size_t{1} << 16;
  for (std::string_view rest = file_.bytes(); !rest.empty();
       rest.remove_prefix(std::min(rest.size(), kTaken))) {
    unpacker.add(rest.substr(0, kTaken), content_);
  }
  unpacker.finish();
}

}  // namespace pals
