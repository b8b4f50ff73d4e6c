// The encoder's training passes, recorded once for each size of batch and replayed on the device.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "adapters/adapter_hooks.h"
#include "batch/filler.h"
#include "bert/encoder.h"
#include "kernels/accelerator.h"
#include "kernels/adam_ranges.h"

namespace pals {

/// Forward and backward as two pieces of recorded work; what stands between them (heads, losses)
/// runs by itself. The optimizer's step can be the end of backward's. Whatever differs from step to
/// step is read from tensors that are always at the same places: the batch, the dropout's keys, the
/// optimizer's ranges and rates, and, in the arena's slot, the drawn task's adapter.
class RecordedEncoder {
 public:
  /// For tasks of one group (TaskAdapter), on the arena's device; records with the modules of the
  /// first. Encoder and adapters must outlive this and stay where they are. `dropout`: the
  /// probabilities; `recompute`: as of a Pass.
  RecordedEncoder(const BertEncoder& encoder, const std::vector<TaskAdapter>& adapters,
                  const ParameterArena& arena, const DropoutState& dropout,
                  const std::vector<int>& tasks, bool recompute = false);
  RecordedEncoder(const RecordedEncoder&) = delete;
  RecordedEncoder& operator=(const RecordedEncoder&) = delete;

  /// What sets records apart.
  struct Kind {
    BatchSize size;
    bool reads_tokens = false;  ///< the heads read all tokens
    bool updates = false;       ///< backward ends with the optimizer's step

    auto operator<=>(const Kind&) const = default;  // NOLINT(modernize-use-nullptr): not here
  };

  /// The records of one kind.
  struct Record {
    Kind kind;
    at::Tensor memory;                    ///< what a step's batch is uploaded to
    std::optional<BatchTensors> tensors;  ///< in it, as all else below: in the same places always
    at::Tensor dropout_keys;
    at::Tensor packed_ranges, slot_place;  ///< if it updates
    Tape tape;
    at::Tensor h, dh;  ///< [Q, H]: the last hidden states, and their gradient
    std::unique_ptr<RecordedWork> forward, backward;
  };

  /// The record of a kind, for batches of about so many bytes of activations; null for a kind that
  /// comes for the first time, once there are many, and once the device's memory is short.
  Record* find(const Kind& kind, int64_t bytes);

  /// The keys of a step, for the upload that ends in the record's memory.
  std::vector<int64_t> keys_of(uint64_t seed, uint64_t step) const;
  /// Behind them, in a record that updates: what the optimizer is to do in the step that draws
  /// `task`, to parameters of the shared part and of the task.
  void add_update(Record& record, Upload& upload, const std::vector<AdamRange>& ranges,
                  int task) const;

  /// Replays forward for a batch that lies in the record's memory, of a task: gives record.h.
  void forward(Record& record, const BatchTensors& tensors, const at::Tensor& dropout_keys,
               int task);
  /// Replays backward from record.dh; the gradients are then added to the arena's, or, in a record
  /// that updates, those and the arena's own have moved the parameters.
  void backward(Record& record, int task);

 private:
  Pass pass(Record& record) const;

  const BertEncoder& encoder_;
  ParameterArena arena_;  // with the slot
  DropoutState dropout_;
  bool recompute_;
  std::vector<Segment> segments_;  // one, of the task that is recorded
  AdapterHooks hooks_;
  PackedRangesSize largest_update_;
  std::map<Kind, int64_t> seen_;
  std::map<Kind, Record> records_;
};

}  // namespace pals
