#include "checkpoint/zip.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_set>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kCentralSignature = 0x02014b50;
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kLocator64Signature = 0x07064b50;
constexpr size_t kLocalSize = 30;
constexpr size_t kCentralSize = 46;
constexpr size_t kEndSize = 22;
constexpr size_t kEnd64Size = 56;
constexpr size_t kLocator64Size = 20;
constexpr size_t kMaxComment = 0xffff;
constexpr uint16_t kZip64Tag = 1;
constexpr uint32_t kSaturated = 0xffffffff;
constexpr uint16_t kEncryptedFlags = 0x0001 | 0x0040 | 0x2000;
constexpr uint16_t kDescriptorFlag = 0x0008;  // sizes and checksum follow the data
constexpr uint16_t kUtf8Flag = 0x0800;
constexpr size_t kAlignment = 64;

/// Little-endian numbers at checked places of a byte string.
class Fields {
 public:
  Fields(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  template <typename Integer>
  Integer get(uint64_t position) const {
    Integer number;
    std::memcpy(&number, part(position, sizeof(number)).data(), sizeof(number));
    return number;
  }

  std::string_view part(uint64_t position, uint64_t size) const {
    if (position > bytes_.size() || size > bytes_.size() - position) {
      fail(where_, ": a zip record points outside the file of ", bytes_.size(),
           " bytes; the file is cut short or damaged");
    }
    return bytes_.substr(position, size);
  }

 private:
  std::string_view bytes_;
  const std::string& where_;
};

/// Where the central directory lies.
struct Directory {
  uint64_t offset;
  uint64_t size;
  uint64_t count;
};

/// One entry as the central directory describes it.
struct Central {
  std::string name;
  uint16_t flags;
  uint32_t checksum;
  uint64_t size;
  uint64_t offset;  ///< of the local header
};

class ZipReader {
 public:
  ZipReader(std::string_view archive, const std::string& where)
      : archive_(archive), where_(where), fields_(archive, where) {}

  std::vector<ZipEntry> read() {
    const Directory directory = find_directory();
    std::vector<Central> entries = read_central(directory);
    std::ranges::sort(entries, {}, &Central::offset);
    std::vector<ZipEntry> result;
    uint64_t end_of_last = 0;
    for (Central& entry : entries) {
      if (entry.offset < end_of_last) damaged(entry.name, "overlaps another one");
      const std::string_view bytes = local_bytes(entry);
      end_of_last = static_cast<uint64_t>(bytes.data() - archive_.data()) + bytes.size();
      if (end_of_last > directory.offset) damaged(entry.name, "runs into the directory");
      if (checksum_of(bytes) != entry.checksum) damaged(entry.name, "has a wrong checksum");
      if (!entry.name.ends_with('/')) result.push_back({std::move(entry.name), bytes});
    }
    return result;
  }

  static uint32_t checksum_of(std::string_view bytes) {
    return static_cast<uint32_t>(
        crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
  }

 private:
  [[noreturn]] void damaged(const std::string& what) const {
    fail(where_, ": ", what, "; the zip file is cut short or damaged");
  }

  [[noreturn]] void damaged(std::string_view name, const std::string& what) const {
    damaged(concat("entry ", quote(name), " ", what));
  }

  /// The end record is the last thing in the file, but for a comment of a length it states.
  uint64_t find_end() const {
    const uint64_t size = archive_.size();
    for (uint64_t comment = 0; comment <= kMaxComment && comment + kEndSize <= size; ++comment) {
      const uint64_t position = size - kEndSize - comment;
      if (fields_.get<uint32_t>(position) == kEndSignature &&
          fields_.get<uint16_t>(position + 20) == comment) {
        return position;
      }
    }
    damaged("no end of a zip directory");
  }

  Directory find_directory() const {
    const uint64_t end = find_end();
    const auto this_disk = fields_.get<uint16_t>(end + 4);
    const auto directory_disk = fields_.get<uint16_t>(end + 6);
    const auto count = fields_.get<uint16_t>(end + 10);
    Directory directory = {fields_.get<uint32_t>(end + 16), fields_.get<uint32_t>(end + 12), count};
    if (this_disk != directory_disk || count != fields_.get<uint16_t>(end + 8)) {
      damaged("a zip archive in several parts");
    }
    uint64_t directory_end = end;
    if (end >= kLocator64Size &&
        fields_.get<uint32_t>(end - kLocator64Size) == kLocator64Signature) {
      const uint64_t locator = end - kLocator64Size;
      const auto record = fields_.get<uint64_t>(locator + 8);
      fields_.part(record, kEnd64Size);
      const auto record_size = fields_.get<uint64_t>(record + 4);
      if (fields_.get<uint32_t>(record) != kEnd64Signature || record > locator ||
          record_size != locator - record - 12) {
        damaged("a wrong zip64 record");
      }
      const Directory wide = {fields_.get<uint64_t>(record + 48),
                              fields_.get<uint64_t>(record + 40),
                              fields_.get<uint64_t>(record + 32)};
      const auto differs = [](uint64_t narrow, uint64_t full, uint64_t saturated) {
        return narrow != full && narrow != saturated;
      };
      if (differs(directory.offset, wide.offset, kSaturated) ||
          differs(directory.size, wide.size, kSaturated) ||
          differs(directory.count, wide.count, 0xffff) ||
          wide.count != fields_.get<uint64_t>(record + 24)) {
        damaged("two directory records that differ");
      }
      directory = wide;
      directory_end = record;
    }
    if (directory.offset > directory_end || directory.size != directory_end - directory.offset) {
      damaged("a directory that does not lie before its end record");
    }
    return directory;
  }

  std::vector<Central> read_central(const Directory& directory) const {
    std::vector<Central> entries;
    std::unordered_set<std::string> names;
    uint64_t position = directory.offset;
    const uint64_t end = directory.offset + directory.size;
    while (position < end) {
      if (end - position < kCentralSize || fields_.get<uint32_t>(position) != kCentralSignature) {
        damaged("a wrong directory entry");
      }
      const auto name_size = fields_.get<uint16_t>(position + 28);
      const auto extra_size = fields_.get<uint16_t>(position + 30);
      const auto comment_size = fields_.get<uint16_t>(position + 32);
      const uint64_t size = kCentralSize + name_size + extra_size + comment_size;
      if (size > end - position) damaged("a directory entry that is cut short");
      Central entry = {std::string(fields_.part(position + kCentralSize, name_size)),
                       fields_.get<uint16_t>(position + 8), fields_.get<uint32_t>(position + 16),
                       fields_.get<uint32_t>(position + 24), fields_.get<uint32_t>(position + 42)};
      check_name(entry.name);
      if (!names.insert(entry.name).second) damaged(entry.name, "is there twice");
      if ((entry.flags & kEncryptedFlags) != 0) damaged(entry.name, "is encrypted");
      if (fields_.get<uint16_t>(position + 10) != 0) {
        fail(where_, ": entry ", quote(entry.name), " is compressed; PyTorch stores its files ",
             "uncompressed: save it again with torch.save");
      }
      uint64_t stored_size = fields_.get<uint32_t>(position + 20);
      const std::string_view extra = fields_.part(position + kCentralSize + name_size, extra_size);
      widen(entry.name, extra, {&entry.size, &stored_size, &entry.offset});
      if (stored_size != entry.size) damaged(entry.name, "has two sizes");
      if (entry.name.ends_with('/') && entry.size != 0)
        damaged(entry.name, "is a folder with data");
      entries.push_back(std::move(entry));
      position += size;
    }
    if (entries.size() != directory.count) {
      damaged(concat(entries.size(), " directory entries, expected ", directory.count));
    }
    return entries;
  }

  /// Names that would lead out of a folder, or differ between systems, are refused outright.
  void check_name(std::string_view name) const {
    const auto refuse = [&] { fail(where_, ": refused: entry name ", quote(name)); };
    if (name.empty() || name.size() > 1024) refuse();
    for (const char c : name) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\' || c == ':') refuse();
    }
    std::string_view rest = name;
    if (rest.ends_with('/')) rest.remove_suffix(1);
    for (const std::string_view part : split(rest, '/')) {
      if (part.empty() || part == "." || part == "..") refuse();
    }
  }

  /// Replaces saturated 32-bit numbers, in this order, by those of the zip64 extra field.
  void widen(std::string_view name, std::string_view extra,
             std::initializer_list<uint64_t*> numbers) const {
    std::optional<std::string_view> wide;
    const Fields fields(extra, where_);
    for (uint64_t position = 0; extra.size() - position >= 4;) {
      const auto size = fields.get<uint16_t>(position + 2);
      const std::string_view body = fields.part(position + 4, size);
      if (fields.get<uint16_t>(position) == kZip64Tag) {
        if (wide) damaged(name, "has two zip64 fields");
        wide = body;
      }
      position += 4 + size;
    }
    for (uint64_t* number : numbers) {
      if (*number != kSaturated) continue;
      if (!wide || wide->size() < sizeof(*number)) damaged(name, "lacks its zip64 field");
      std::memcpy(number, wide->data(), sizeof(*number));
      wide->remove_prefix(sizeof(*number));
    }
  }

  /// Checks the local header against the directory and returns the data behind it.
  std::string_view local_bytes(const Central& entry) const {
    const uint64_t position = entry.offset;
    fields_.part(position, kLocalSize);
    if (fields_.get<uint32_t>(position) != kLocalSignature) damaged(entry.name, "has no header");
    const auto name_size = fields_.get<uint16_t>(position + 26);
    const auto extra_size = fields_.get<uint16_t>(position + 28);
    const uint64_t data = position + kLocalSize + name_size + extra_size;
    const std::string_view extra = fields_.part(position + kLocalSize + name_size, extra_size);
    uint64_t size = fields_.get<uint32_t>(position + 22);
    uint64_t stored_size = fields_.get<uint32_t>(position + 18);
    const auto checksum = fields_.get<uint32_t>(position + 14);
    widen(entry.name, extra, {&size, &stored_size});
    const bool later = (entry.flags & kDescriptorFlag) != 0;
    const auto differs = [later](uint64_t local, uint64_t central) {
      return local != central && !(later && local == 0);
    };
    if (fields_.part(position + kLocalSize, name_size) != entry.name ||
        fields_.get<uint16_t>(position + 6) != entry.flags ||
        fields_.get<uint16_t>(position + 8) != 0 || differs(size, entry.size) ||
        differs(stored_size, entry.size) || differs(checksum, entry.checksum)) {
      damaged(entry.name, "has two headers that differ");
    }
    return fields_.part(data, entry.size);
  }

  std::string_view archive_;
  const std::string& where_;
  Fields fields_;
};

/// Appends numbers in little-endian order.
class Record {
 public:
  Record& u16(uint64_t number) { return append(number, 2); }
  Record& u32(uint64_t number) { return append(number, 4); }
  Record& u64(uint64_t number) { return append(number, 8); }
  Record& text(std::string_view text) {
    bytes_ += text;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  Record& append(uint64_t number, size_t size) {
    bytes_.append(reinterpret_cast<const char*>(&number), size);
    return *this;
  }

  std::string bytes_;
};

constexpr uint16_t kVersionNeeded = 45;         // zip64
constexpr uint16_t kFirstOfJanuary1980 = 0x21;  // DOS dates begin there

}  // namespace

std::vector<ZipEntry> read_stored_zip(std::string_view archive, const std::string& where) {
  return ZipReader(archive, where).read();
}

ZipWriter::ZipWriter(const std::string& path, bool force_zip64)
    : file_(path), force_zip64_(force_zip64) {}

bool ZipWriter::is_large(uint64_t number) const { return force_zip64_ || number >= kSaturated; }

void ZipWriter::write(std::string_view bytes) {
  file_.write(bytes);
  position_ += bytes.size();
}

void ZipWriter::add(const std::string& name, std::string_view bytes) {
  entries_.push_back({name, ZipReader::checksum_of(bytes), bytes.size(), position_});
  const Written& entry = entries_.back();
  const bool large = is_large(entry.size);
  const uint64_t shown_size = large ? kSaturated : entry.size;

  Record extra;
  if (large) extra.u16(kZip64Tag).u16(16).u64(entry.size).u64(entry.size);
  // "FB" is the tag PyTorch pads with.
  const uint64_t unpadded = position_ + kLocalSize + name.size() + extra.bytes().size() + 4;
  const uint64_t padding = (kAlignment - unpadded % kAlignment) % kAlignment;
  extra.text("FB").u16(padding).text(std::string(padding, 'Z'));

  Record header;
  header.u32(kLocalSignature).u16(kVersionNeeded).u16(kUtf8Flag).u16(0);
  header.u16(0).u16(kFirstOfJanuary1980);
  header.u32(entry.checksum).u32(shown_size).u32(shown_size);
  header.u16(name.size()).u16(extra.bytes().size()).text(name).text(extra.bytes());
  write(header.bytes());
  write(bytes);
}

void ZipWriter::commit() {
  const uint64_t directory_offset = position_;
  for (const Written& entry : entries_) {
    Record extra;
    const bool large_size = is_large(entry.size), large_offset = is_large(entry.offset);
    if (large_size || large_offset) {
      extra.u16(kZip64Tag).u16((large_size ? 16 : 0) + (large_offset ? 8 : 0));
      if (large_size) extra.u64(entry.size).u64(entry.size);
      if (large_offset) extra.u64(entry.offset);
    }
    const uint64_t shown_size = large_size ? kSaturated : entry.size;
    Record header;
    header.u32(kCentralSignature).u16(kVersionNeeded).u16(kVersionNeeded).u16(kUtf8Flag).u16(0);
    header.u16(0).u16(kFirstOfJanuary1980);
    header.u32(entry.checksum).u32(shown_size).u32(shown_size);
    header.u16(entry.name.size()).u16(extra.bytes().size()).u16(0).u16(0).u16(0).u32(0);
    header.u32(large_offset ? kSaturated : entry.offset).text(entry.name).text(extra.bytes());
    write(header.bytes());
  }
  const uint64_t end = position_;
  const uint64_t directory_size = end - directory_offset;
  const uint64_t count = entries_.size();
  Record tail;
  tail.u32(kEnd64Signature).u64(kEnd64Size - 12).u16(kVersionNeeded).u16(kVersionNeeded);
  tail.u32(0).u32(0).u64(count).u64(count).u64(directory_size).u64(directory_offset);
  tail.u32(kLocator64Signature).u32(0).u64(end).u32(1);
  const uint64_t shown_count = force_zip64_ ? 0xffff : std::min<uint64_t>(count, 0xffff);
  tail.u32(kEndSignature).u16(0).u16(0).u16(shown_count).u16(shown_count);
  tail.u32(is_large(directory_size) ? kSaturated : directory_size);
  tail.u32(is_large(directory_offset) ? kSaturated : directory_offset).u16(0);
  write(tail.bytes());
  file_.commit();
}

}  // namespace pals
