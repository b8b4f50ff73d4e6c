#include "serve/tar.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr size_t kBlock = 512;
constexpr size_t kMostEntries = 1000, kMostNameBytes = 1024;

/// A field of text: up to its end or the first NUL.
std::string_view text_at(std::string_view header, size_t offset, size_t size) {
  const std::string_view field = header.substr(offset, size);
  return field.substr(0, field.find('\0'));
}

/// An octal number, with blanks or NULs around it.
std::optional<uint64_t> octal_at(std::string_view header, size_t offset, size_t size) {
  const std::string_view digits = trim(text_at(header, offset, size));
  uint64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '7') return std::nullopt;
    value = value * 8 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

bool has_right_checksum(std::string_view header) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    sum += i >= 148 && i < 156 ? uint64_t{' '} : static_cast<unsigned char>(header[i]);
  }
  return octal_at(header, 148, 8) == sum;
}

/// The record "path" of POSIX's extended headers: lines "23 path=some/name\n".
std::string path_in(std::string_view records) {
  std::string path;
  while (!records.empty()) {
    const size_t blank = records.find(' ');
    const std::optional<int64_t> length = parse_int(records.substr(0, blank));
    const bool fits = blank != std::string_view::npos && length &&
                      *length > static_cast<int64_t>(blank) + 1 &&
                      *length <= static_cast<int64_t>(records.size());
    if (!fits) return path;
    std::string_view record = records.substr(blank + 1, static_cast<size_t>(*length) - blank - 1);
    if (record.ends_with('\n')) record.remove_suffix(1);
    if (record.starts_with("path=")) path = record.substr(5);
    records.remove_prefix(static_cast<size_t>(*length));
  }
  return path;
}

/// Without "./" in front; an error for what is no name within the archive.
std::string checked_name(std::string name, const std::string& where) {
  while (name.starts_with("./")) name.erase(0, 2);
  bool is_bad = name.empty() || name.size() > kMostNameBytes || name.starts_with('/') ||
                name.find_first_of(std::string_view("\0\\", 2)) != std::string::npos;
  for (const std::string_view part : split(name, '/')) {
    is_bad = is_bad || part.empty() || part == "." || part == "..";
  }
  if (is_bad) fail(where, ": ", quote(name), " is no name of a file within the archive");
  return name;
}

}  // namespace

std::vector<TarEntry> read_tar(std::string_view archive, const std::string& where) {
  std::vector<TarEntry> entries;
  std::string long_name;
  size_t at = 0;
  const auto is_end = [&] { return archive[at] == '\0'; };
  while (at + kBlock <= archive.size() && !is_end()) {
    const std::string_view header = archive.substr(at, kBlock);
    if (!has_right_checksum(header)) fail(where, ": no tar archive, or a damaged one");
    const std::optional<uint64_t> size = octal_at(header, 124, 12);
    at += kBlock;
    if (!size || *size > archive.size() - at) fail(where, ": an entry is larger than the archive");
    const std::string_view bytes = archive.substr(at, *size);
    at = std::min(archive.size(), at + (*size + kBlock - 1) / kBlock * kBlock);
    const char type = header[156];
    if (type == 'L') {
      long_name = text_at(bytes, 0, bytes.size());
    } else if (type == 'x' || type == 'g') {
      if (type == 'x') long_name = path_in(bytes);
    } else if (type == '5') {
      long_name.clear();
    } else if (type == '0' || type == '\0') {
      std::string name(text_at(header, 0, 100));
      const std::string_view prefix = text_at(header, 345, 155);
      if (header.substr(257, 6) == std::string_view("ustar\0", 6) && !prefix.empty()) {
        name = concat(prefix, "/", name);
      }
      if (!long_name.empty()) name = std::move(long_name);
      long_name.clear();
      entries.push_back({checked_name(std::move(name), where), bytes});
    } else {
      fail(where, ": ", quote(text_at(header, 0, 100)), " is no plain file");
    }
    if (entries.size() > kMostEntries) fail(where, ": more than ", kMostEntries, " files");
  }
  if (entries.empty()) fail(where, ": no tar archive with files in it");
  std::vector<std::string> names;
  for (const TarEntry& entry : entries) names.push_back(entry.name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end()) fail(where, ": ", quote(*twice), " is there twice");
  return entries;
}

}  // namespace pals
