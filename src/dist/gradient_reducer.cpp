#include "dist/gradient_reducer.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace pals {
namespace {

// What goes into one message: latency should not count, and the first message leave early. An
// eighth of the shared part's gradients, within these bounds.
constexpr int64_t kLeastBucket = int64_t{1} << 12, kLargestBucket = int64_t{1} << 20;

int64_t bucket_elements(const std::vector<Shard>& shards) {
  int64_t elements = 0;
  for (const Shard& shard : shards) {
    if (shard.owner == kSharedOwner) elements += shard.range.end - shard.range.begin;
  }
  return std::clamp(elements / 8, kLeastBucket, kLargestBucket);
}

}  // namespace

GradientReducer::GradientReducer(const World& world, ParameterArena& arena, GradientType type,
                                 std::vector<Shard> shards, bool sharded, ParameterId table)
    : world_(world),
      arena_(arena),
      type_(type),
      shards_(std::move(shards)),
      sharded_(sharded),
      bucket_elements_(bucket_elements(shards_)),
      buckets_(sharded ? static_cast<size_t>(world.size()) : 1) {
  const Parameter& row = arena.table()[table];
  table_ = {row.offset, row.offset + row.numel};
  columns_ = row.shape.back();
}

void GradientReducer::begin(const std::vector<int64_t>& rows) {
  // Where most rows have gradients, gathering them gains nothing.
  const bool few = 2 * static_cast<int64_t>(rows.size()) * columns_ < table_.end - table_.begin;
  rows_ = few ? at::tensor(rows, at::kLong).to(arena_.device()) : at::Tensor();
}

void GradientReducer::add(ArenaRange range) {
  if (world_.alone()) return;
  const bool shared_trains = arena_.table().shared_trains();  // not to the end, perhaps
  for (const Shard& part : shards_within(shards_, range)) {
    if (part.owner == kSharedOwner && !shared_trains) continue;
    const int root = sharded_ ? part.rank : 0;
    const auto slice = [&](int64_t begin, int64_t end) {
      return arena_.gradients().slice(0, begin, end);
    };
    // The table lies whole in one part, as every parameter does.
    const bool holds_table = part.range.begin <= table_.begin && table_.end <= part.range.end;
    if (!holds_table || !rows_.defined()) {
      add_piece(root, {slice(part.range.begin, part.range.end), {}});
      continue;
    }
    if (part.range.begin < table_.begin) {
      add_piece(root, {slice(part.range.begin, table_.begin), {}});
    }
    add_piece(root, {slice(table_.begin, table_.end), rows_});
    if (table_.end < part.range.end) {
      add_piece(root, {slice(table_.end, part.range.end), {}});
    }
  }
}

void GradientReducer::add_piece(int root, Piece piece) {
  const int64_t elements =
      piece.rows.defined() ? piece.rows.numel() * columns_ : piece.gradients.numel();
  if (elements == 0) return;
  Bucket& bucket = buckets_[static_cast<size_t>(root)];
  if (elements >= bucket_elements_) send(root);  // by itself, it need not be copied
  bucket.pieces.push_back(std::move(piece));
  bucket.elements += elements;
  if (bucket.elements >= bucket_elements_) send(root);
}

at::Tensor GradientReducer::flat(const Piece& piece) const {
  if (!piece.rows.defined()) return piece.gradients;
  return piece.gradients.view({-1, columns_}).index_select(0, piece.rows).flatten();
}

void GradientReducer::send(int root) {
  Bucket& bucket = buckets_[static_cast<size_t>(root)];
  if (bucket.pieces.empty()) return;
  Sent sent;
  sent.root = root;
  sent.pieces = std::exchange(bucket.pieces, {});
  bucket.elements = 0;
  std::vector<at::Tensor> parts;
  for (const Piece& piece : sent.pieces) parts.push_back(flat(piece));
  sent.buffer = parts.size() == 1 ? parts.front() : at::cat(parts);
  if (type_ == GradientType::kBFloat16) sent.buffer = sent.buffer.to(at::kBFloat16);
  traffic_.bytes += sent.buffer.numel() * sent.buffer.element_size();
  sent.work = sharded_ ? world_.start_sum_at(sent.buffer, root) : world_.start_sum(sent.buffer);
  sent_.push_back(std::move(sent));
}

void GradientReducer::put_back(const Sent& sent) const {
  int64_t at = 0;
  for (const Piece& piece : sent.pieces) {
    const int64_t elements =
        piece.rows.defined() ? piece.rows.numel() * columns_ : piece.gradients.numel();
    const at::Tensor part = sent.buffer.slice(0, at, at + elements);
    at += elements;
    if (piece.rows.defined()) {
      piece.gradients.view({-1, columns_})
          .index_copy_(0, piece.rows, part.to(at::kFloat).view({-1, columns_}));
    } else if (part.const_data_ptr() != piece.gradients.const_data_ptr()) {
      piece.gradients.copy_(part);
    }
  }
}

void GradientReducer::finish() {
  for (int root = 0; root < static_cast<int>(buckets_.size()); ++root) send(root);
  for (const Sent& sent : sent_) {
    world_.finish(sent.work, traffic_);
    if (!sharded_ || sent.root == world_.rank()) put_back(sent);
  }
  sent_.clear();
}

}  // namespace pals
