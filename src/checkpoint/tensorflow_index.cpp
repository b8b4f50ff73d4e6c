#include "checkpoint/tensorflow_index.h"

#include "base/text_util.h"
#include "checkpoint/leveldb_table.h"
#include "checkpoint/wire.h"

namespace pals {
namespace {

constexpr uint32_t kMaxShards = 10'000;
constexpr size_t kMaxIndexRank = 64;

using Kind = ProtoField::Kind;

void expect_kind(const ProtoField& field, Kind kind, const std::string& where) {
  if (field.kind != kind) {
    fail(where, ": field ", field.id, " has wire type ", static_cast<int>(field.kind),
         ", expected ", static_cast<int>(kind), "; the file is damaged");
  }
}

uint64_t number_up_to(const ProtoField& field, uint64_t limit, const std::string& where) {
  expect_kind(field, Kind::kVarint, where);
  if (field.number > limit) {
    fail(where, ": field ", field.id, " is ", field.number, ", at most ", limit,
         " is possible; the file is damaged");
  }
  return field.number;
}

/// TensorShapeProto: dim = 2 {size = 1, name = 2}, unknown_rank = 3.
std::vector<int64_t> parse_shape(std::string_view bytes, const std::string& where) {
  std::vector<int64_t> shape;
  WireReader reader(bytes, where);
  while (!reader.at_end()) {
    const ProtoField field = take_proto_field(reader, where);
    if (field.id == 3 && field.number != 0) fail(where, ": a tensor of unknown shape");
    if (field.id != 2) continue;
    expect_kind(field, Kind::kBytes, where);
    if (shape.size() == kMaxIndexRank)
      fail(where, ": a tensor of more than ", kMaxIndexRank, " dimensions");
    int64_t size = 0;
    WireReader dimension(field.bytes, where);
    while (!dimension.at_end()) {
      const ProtoField part = take_proto_field(dimension, where);
      if (part.id == 1) size = static_cast<int64_t>(number_up_to(part, INT64_MAX, where));
    }
    shape.push_back(size);
  }
  return shape;
}

}  // namespace

// BundleHeaderProto: num_shards = 1, endianness = 2 (0: little), version = 3.
uint32_t parse_tensorflow_header(std::string_view value, const std::string& where) {
  uint32_t num_shards = 1;
  WireReader reader(value, where);
  while (!reader.at_end()) {
    const ProtoField field = take_proto_field(reader, where);
    if (field.id == 1) {
      num_shards = static_cast<uint32_t>(number_up_to(field, kMaxShards, where));
    } else if (field.id == 2 && number_up_to(field, 1, where) != 0) {
      fail(where, ": written on a big-endian machine; only little-endian files are supported");
    }
  }
  if (num_shards == 0) fail(where, ": a checkpoint of no shards; the file is damaged");
  return num_shards;
}

// BundleEntryProto: dtype = 1, shape = 2, shard_id = 3, offset = 4, size = 5, crc32c = 6,
// slices = 7.
TensorFlowEntry parse_tensorflow_entry(std::string name, std::string_view value,
                                       const std::string& where) {
  TensorFlowEntry entry;
  entry.name = std::move(name);
  WireReader reader(value, where);
  while (!reader.at_end()) {
    const ProtoField field = take_proto_field(reader, where);
    switch (field.id) {
      case 1:
        entry.type = static_cast<int>(number_up_to(field, INT32_MAX, where));
        break;
      case 2:
        expect_kind(field, Kind::kBytes, where);
        entry.shape = parse_shape(field.bytes, where);
        break;
      case 3:
        entry.shard = static_cast<uint32_t>(number_up_to(field, kMaxShards, where));
        break;
      case 4:
        entry.offset = number_up_to(field, INT64_MAX, where);
        break;
      case 5:
        entry.size = number_up_to(field, INT64_MAX, where);
        break;
      case 6:
        expect_kind(field, Kind::kFixed32, where);
        entry.checksum = static_cast<uint32_t>(field.number);
        break;
      case 7:
        entry.is_sliced = true;
        break;
      default:
        break;  // fields of later versions
    }
  }
  return entry;
}

TensorFlowIndex parse_tensorflow_index(std::string_view bytes, const std::string& where) {
  std::vector<TableItem> items = read_table(bytes, where);
  if (items.empty() || !items.front().key.empty()) {
    fail(where, ": a table without a checkpoint's header; expected a TensorFlow V2 checkpoint");
  }
  TensorFlowIndex index;
  index.num_shards = parse_tensorflow_header(items.front().value, where);
  index.entries.reserve(items.size() - 1);
  for (size_t i = 1; i < items.size(); ++i) {
    const std::string context = concat(where, ": tensor ", quote(items[i].key));
    index.entries.push_back(
        parse_tensorflow_entry(std::move(items[i].key), items[i].value, context));
    if (index.entries.back().shard >= index.num_shards) {
      fail(context, ": in shard ", index.entries.back().shard, " of ", index.num_shards,
           "; the file is damaged");
    }
  }
  return index;
}

}  // namespace pals
