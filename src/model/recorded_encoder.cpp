#include "model/recorded_encoder.h"

#include <algorithm>

#include "nn/device.h"

namespace pals {
namespace {

constexpr size_t kMostRecords = 64;  // each has memory for its activations
// What must be free for a record: its own activations, and those of two batches without one.
constexpr int64_t kRoomForBatches = 3;
constexpr int kLayersOnTop = 8;  // with dropout: more than any adapter has

// What tasks' ranges have in common: adapters come first in them, and are alike.
int64_t slot_size(const ParameterTable& table, int num_tasks) {
  int64_t size = table.total();
  for (int task = 0; task < num_tasks; ++task) {
    const ArenaRange range = table.range(task);
    size = std::min(size, range.end - range.begin);
  }
  return size;
}

}  // namespace

RecordedEncoder::RecordedEncoder(const BertEncoder& encoder,
                                 const std::vector<TaskAdapter>& adapters,
                                 const ParameterArena& arena, const DropoutState& dropout, int task,
                                 bool recompute)
    : encoder_(encoder),
      adapters_(adapters),
      arena_(arena.with_slot(task, slot_size(arena.table(), static_cast<int>(adapters.size())))),
      dropout_(dropout),
      recompute_(recompute),
      segments_({Segment{.task = task}}) {}

RecordedEncoder::Record* RecordedEncoder::find(const BatchSize& size, bool reads_tokens,
                                               int64_t bytes) {
  const auto key = std::pair(size, reads_tokens);
  const auto known = records_.find(key);
  if (known != records_.end()) return &known->second;
  // What comes once is not worth it; and the first time the libraries below prepare themselves.
  if (++seen_[key] < 2 || records_.size() >= kMostRecords) return nullptr;
  const at::Device device = arena_.device();
  if (accelerator_of(device)->info(device.index()).free_memory < kRoomForBatches * bytes) {
    return nullptr;
  }
  Record& record = records_[key];
  record.size = size;
  const int64_t upload =
      upload_bytes(size.rows, size.tokens) + static_cast<int64_t>(keys_of(0, 0).size()) * 8;
  record.memory = at::empty({upload}, at::TensorOptions(at::kByte).device(device));
  return &record;
}

std::vector<int64_t> RecordedEncoder::keys_of(uint64_t seed, uint64_t step) const {
  return pals::dropout_keys(seed, step, encoder_.num_layers() + kLayersOnTop);
}

Pass RecordedEncoder::pass(Record& record) const {
  DropoutState dropout = dropout_;
  dropout.device_keys = record.dropout_keys;
  Pass pass{arena_, arena_.compute_type(), record.tensors->rows, dropout, &record.tape};
  pass.recompute = recompute_;
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
      AdapterHooks hooks(adapters_, segments_, encoder_.num_layers());
      record.h.copy_(encoder_.forward(pass(record), *record.tensors, &hooks));
    });
  }
  TORCH_CHECK(
      tensors.token_ids.is_alias_of(record.memory) &&
          dropout_keys.const_data_ptr() == record.dropout_keys.const_data_ptr() &&
          tensors.first_keys.const_data_ptr() == record.tensors->first_keys.const_data_ptr(),
      "RecordedEncoder: a batch of another size");
  record.forward->replay();
}

void RecordedEncoder::backward(Record& record, int task) {
  if (record.backward == nullptr) {
    const at::Device device = arena_.device();
    record.backward = accelerator_of(device)->record(device.index(), [this, &record] {
      AdapterHooks hooks(adapters_, segments_, encoder_.num_layers());
      encoder_.backward(pass(record), *record.tensors, record.dh, &hooks);
    });
  }
  record.backward->replay();
  arena_.add_slot_gradients(task);
}

}  // namespace pals
