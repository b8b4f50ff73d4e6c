// One contiguous buffer each for weights, gradients and optimizer moments; parameters are views.
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <string>
#include <vector>

#include "parameters/parameter_table.h"

namespace pals {

/// Owns the storage of all parameters of a table that has been laid out.
class ParameterArena {
 public:
  /// Weights (and, for bf16 and fp16, the shadow) are allocated at once; training buffers by
  /// prepare_training().
  ParameterArena(ParameterTable table, at::ScalarType compute_type, at::Device device = at::kCPU);

  const ParameterTable& table() const { return table_; }
  at::ScalarType compute_type() const { return compute_type_; }
  at::Device device() const { return weights_.device(); }

  /// Asks prepare_training() for a buffer of averaged weights, too.
  void keep_average() { keeps_average_ = true; }
  bool keeps_average() const { return keeps_average_; }

  /// Adds gradients and moments, all zero, and, if asked for, the average, which is the weights.
  void prepare_training();
  bool training_ready() const { return gradients_.defined(); }

  /// fp32 master weight, as the table's shape.
  at::Tensor weight(ParameterId id) const { return weight_view(id, table_[id].shape, at::kFloat); }
  /// Gradient view; undefined where the parameter does not train or training is not prepared.
  at::Tensor gradient(ParameterId id) const { return fused_gradient(id, table_[id].shape); }

  /// Rows `first`, ..., of `numel` elements together as one tensor of `shape` (rows that adjoin).
  /// `type`: fp32 for the master weights, compute_type() for the shadow.
  at::Tensor fused_weight(ParameterId first, at::IntArrayRef shape, at::ScalarType type) const {
    return weight_view(first, shape, type);
  }
  at::Tensor fused_gradient(ParameterId first, at::IntArrayRef shape) const;

  /// The same arena, but that `task`'s parameters stand in buffers of their own: what is recorded
  /// with that task's modules serves every task whose parameters are brought there. Their gradients
  /// are there if the arena has gradients. The slot holds as much of a task's range as all `tasks`
  /// have, whose adapters lie alike at the beginning.
  ParameterArena with_slot(const std::vector<int>& tasks) const;
  /// Copies a task's parameters into the slot, and zeroes its gradients.
  void fill_slot(int task);
  /// Adds the slot's gradients to the task's.
  void add_slot_gradients(int task);
  /// The same for work that is recorded: `place` is slot_place() of the task, [1] int64 on the
  /// device, which reads it when it comes there.
  void add_slot_gradients(const at::Tensor& place);
  int64_t slot_place(int task) const;

  at::Tensor weights() const { return weights_; }
  at::Tensor gradients() const { return gradients_; }
  at::Tensor first_moment() const { return first_moment_; }
  at::Tensor second_moment() const { return second_moment_; }
  /// Laid out by the table's shadow offsets; on a device some more elements than shadow_total(), so
  /// that products may read a multiple of kDeviceRowMultiple rows from any matrix on.
  at::Tensor shadow() const { return shadow_; }
  at::Tensor average() const { return average_; }  ///< undefined unless it is kept

  /// From now on nothing shared trains (Frozen::kAll).
  void freeze_shared();

  /// Moves the average in a range by `share` of its way to the weights.
  void move_average(ArenaRange range, double share);
  /// Exchanges weights and average, to the bit; the shadow follows.
  void exchange_average();

  /// Sets a parameter: `write` gets places for its numel values on the host. The shadow is left to
  /// the caller (refresh_shadow).
  void write_weight(ParameterId id, const std::function<void(float* values)>& write);

  /// Draws fresh weights for the named rows as the table says (Init); kNormal is
  /// N(0, initializer_range). A row's values depend on its name and the seed alone.
  void initialize(double initializer_range, uint64_t seed, const std::vector<std::string>& names);
  /// The same for all rows.
  void initialize(double initializer_range, uint64_t seed);
  /// Rewrites the shadow after the weights were changed by other means than the optimizer.
  void refresh_shadow();
  void refresh_shadow(ArenaRange range);
  /// Zeroes the moments in a range; on the CPU gives their memory back (but for the edges of its
  /// pages, which stay as they are).
  void release_moments(ArenaRange range);
  /// The same for the weights of a task that nothing reads any more.
  void release_weights(int task);
  /// Zeroes the gradients of the shared part and of one task.
  void zero_gradients(int task);

 private:
  /// Buffers of one task's parameters, apart from the others'.
  struct Slot {
    int task = kSharedOwner;
    int64_t shadow_numel = 0;  ///< of the task; readers of whole blocks may go beyond
    at::Tensor weights, gradients, shadow;
    at::Tensor lines;  ///< 0, 1, ... for its pieces of kAlignment elements, int64
  };

  /// Elements of a buffer from a row's first on, in this shape; `slot`: the slot's buffer of that
  /// kind.
  at::Tensor view(const at::Tensor& buffer, const at::Tensor& slot, ParameterId first,
                  at::IntArrayRef shape) const;
  at::Tensor shadow_view(ParameterId first, at::IntArrayRef shape) const;
  bool in_slot(const Parameter& row) const;
  at::Tensor make_shadow(int64_t numel) const;
  at::Tensor weight_view(ParameterId first, at::IntArrayRef shape, at::ScalarType type) const;
  at::Tensor slot_part(const at::Tensor& buffer, int task) const;

  ParameterTable table_;
  at::ScalarType compute_type_;
  at::Tensor weights_, gradients_, first_moment_, second_moment_, shadow_, average_;
  bool keeps_average_ = false;
  Slot slot_;
};

}  // namespace pals
