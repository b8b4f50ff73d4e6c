// A block on other tensors, as a backend needs it that computes on another memory; for tests.
#pragma once

#include <span>
#include <vector>

#include "kernels/operations.h"

namespace pals::testing {

/// A copy of a block in which map(field) has changed every tensor and every dropout, those of
/// nested structs too; the caller's heads stay as they are.
template <typename Block>
class MappedBlock {
 public:
  template <typename Map>
  MappedBlock(const Block& block, const Map& map) : block_(block) {
    change(block_, map);
  }
  MappedBlock(const MappedBlock&) = delete;
  MappedBlock& operator=(const MappedBlock&) = delete;

  const Block& block() const { return block_; }

 private:
  template <typename Struct, typename Map>
  void change(Struct& fields, const Map& map) {
    fields.fields([&](auto&... each) { (change_field(each, map), ...); });
  }
  template <typename Map>
  void change_field(AttentionRows& rows, const Map& map) {
    change(rows, map);
  }
  template <typename Map>
  void change_field(std::span<AttentionHeads>& heads, const Map& map) {
    heads_.assign(heads.begin(), heads.end());
    for (AttentionHeads& each : heads_) change(each, map);
    heads = heads_;
  }
  template <typename Field, typename Map>
  void change_field(Field& field, const Map& map) {
    map(field);
  }

  Block block_;
  std::vector<AttentionHeads> heads_;
};

}  // namespace pals::testing
