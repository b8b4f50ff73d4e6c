#include "model/recorded_encoder.h"

#include <algorithm>

#include "kernels/device.h"
#include "modules/update.h"

namespace pals {
namespace {

constexpr size_t kMostRecords = 64;  // each has memory for its activations
// What must be free for a record: its own activations, and those of two batches without one.
constexpr int64_t kRoomForBatches = 3;
constexpr int kLayersOnTop = 8;  // with dropout: more than any adapter has

// The most ranges and chunks of a step of the optimizer, which moves the shared part and one
// task's.
PackedRangesSize largest_update(const ParameterTable& table, const std::vector<int>& tasks) {
  PackedRangesSize largest;
  for (const int task : tasks) {
    std::vector<AdamRange> ranges;
    for (const Parameter& row : table.rows()) {
      if (row.owner == kSharedOwner || row.owner == task) ranges.push_back({row.offset, row.numel});
    }
    const PackedRangesSize size = packed_ranges_size(ranges);
    largest.ranges = std::max(largest.ranges, size.ranges);
    largest.chunks = std::max(largest.chunks, size.chunks);
  }
  return largest;
}

bool same_place(const at::Tensor& a, const at::Tensor& b) {
  return a.const_data_ptr() == b.const_data_ptr();
}

}  // namespace

RecordedEncoder::RecordedEncoder(const BertEncoder& encoder,
                                 const std::vector<TaskAdapter>& adapters,
                                 const ParameterArena& arena, const DropoutState& dropout,
                                 const std::vector<int>& tasks, bool recompute)
    : encoder_(encoder),
      arena_(arena.with_slot(tasks)),
      dropout_(dropout),
      recompute_(recompute),
      segments_({Segment{.task = tasks.front()}}),
      hooks_(adapters, segments_, encoder.num_layers()),
      largest_update_(largest_update(arena.table(), tasks)) {
  // Zeros: nothing is recorded before it was done once.
  arena_.add_slot_gradients(at::zeros({1}, at::TensorOptions(at::kLong).device(arena_.device())));
}

RecordedEncoder::Record* RecordedEncoder::find(const Kind& kind, int64_t bytes) {
  const auto known = records_.find(kind);
  if (known != records_.end()) return &known->second;
  // What comes once is not worth it; and the first time the libraries below prepare themselves.
  if (++seen_[kind] < 2 || records_.size() >= kMostRecords) return nullptr;
  const at::Device device = arena_.device();
  if (accelerator_of(device)->info(device.index()).free_memory < kRoomForBatches * bytes) {
    return nullptr;
  }
  Record& record = records_[kind];
  record.kind = kind;
  const int64_t words = std::ssize(keys_of(0, 0)) +
                        (kind.updates ? largest_update_.ranges * kPackedRangeWords : int64_t{0});
  const int64_t upload = upload_bytes(kind.size.rows, kind.size.tokens) +
                         words * static_cast<int64_t>(sizeof(int64_t));
  record.memory = at::empty({upload}, at::TensorOptions(at::kByte).device(device));
  return &record;
}

std::vector<int64_t> RecordedEncoder::keys_of(uint64_t seed, uint64_t step) const {
  return pals::dropout_keys(seed, step, encoder_.num_layers() + kLayersOnTop);
}

void RecordedEncoder::add_update(Record& record, Upload& upload,
                                 const std::vector<AdamRange>& ranges, int task) const {
  const PackedRangesSize size = packed_ranges_size(ranges);
  TORCH_CHECK(size.ranges <= largest_update_.ranges && size.chunks <= largest_update_.chunks,
              "RecordedEncoder: an update of other parameters");
  const at::Tensor packed = upload.add(packed_ranges(ranges, largest_update_.ranges));
  const at::Tensor place = upload.add(std::vector<int64_t>{arena_.slot_place(task)});
  if (!record.packed_ranges.defined()) {
    record.packed_ranges = packed;
    record.slot_place = place;
  }
  TORCH_CHECK(same_place(packed, record.packed_ranges) && same_place(place, record.slot_place),
              "RecordedEncoder: an update of another size");
}

Pass RecordedEncoder::pass(Record& record) const {
  DropoutState dropout = dropout_;
  dropout.device_keys = record.dropout_keys;
  Pass pass{arena_, arena_.compute_type(), record.tensors->rows, dropout, &record.tape};
  pass.recompute = recompute_;
  pass.terms = hooks_.terms();
  pass.trains_from = hooks_.trains_from(arena_.table());
  return pass;
}

void RecordedEncoder::forward(Record& record, const BatchTensors& tensors,
                              const at::Tensor& dropout_keys, int task) {
  arena_.fill_slot(task);
  if (record.forward == nullptr) {
    record.tensors = tensors;
    record.dropout_keys = dropout_keys;
    const Pass sizes = pass(record);
    record.h = sizes.empty({sizes.num_queries(), encoder_.hidden_size()});
    record.dh = sizes.empty(record.h.sizes());
    const at::Device device = arena_.device();
    record.forward = accelerator_of(device)->record(device.index(), [this, &record] {
      record.h.copy_(encoder_.forward(pass(record), *record.tensors, &hooks_));
    });
  }
  TORCH_CHECK(tensors.token_ids.is_alias_of(record.memory) &&
                  same_place(dropout_keys, record.dropout_keys) &&
                  same_place(tensors.first_keys, record.tensors->first_keys),
              "RecordedEncoder: a batch of another size");
  record.forward->replay();
}

void RecordedEncoder::backward(Record& record, int task) {
  if (record.backward == nullptr) {
    const at::Device device = arena_.device();
    record.backward = accelerator_of(device)->record(device.index(), [this, &record, device] {
      const auto beside = accelerator_of(device)->side_stream(device.index());
      Pass backward = pass(record);
      backward.beside = beside.get();
      encoder_.backward(backward, *record.tensors, record.dh, &hooks_);
      beside->join();
      if (!record.kind.updates) return;
      arena_.add_slot_gradients(record.slot_place);
      BertAdam block = update_of(arena_);
      block.packed_ranges = record.packed_ranges;
      block.chunks = largest_update_.chunks;
      bert_adam(block);
    });
  }
  record.backward->replay();
  if (!record.kind.updates) arena_.add_slot_gradients(task);
}

}  // namespace pals
