// One contiguous buffer each for weights, gradients and optimizer moments; parameters are views.
#pragma once

#include <ATen/ATen.h>

#include "nn/parameter_table.h"

namespace pals {

/// Owns the storage of all parameters of a table that has been laid out.
class ParameterArena {
 public:
  /// Weights (and, for bf16, the shadow) are allocated at once; training buffers by
  /// prepare_training().
  ParameterArena(ParameterTable table, at::ScalarType compute_type);

  const ParameterTable& table() const { return table_; }
  at::ScalarType compute_type() const { return compute_type_; }

  /// Adds gradients and moments, all zero.
  void prepare_training();
  bool training_ready() const { return gradients_.defined(); }

  /// fp32 master weight, as the table's shape.
  at::Tensor weight(ParameterId id) const { return view(weights_, id); }
  /// What the products read: the bf16 shadow, or the master weight in fp32.
  at::Tensor compute_weight(ParameterId id) const { return view(compute_buffer(), id); }
  /// Gradient view; undefined where the parameter does not train or training is not prepared.
  at::Tensor gradient(ParameterId id) const;

  /// Rows `first`, ..., of `numel` elements together as one tensor of `shape` (rows that adjoin).
  /// `type`: fp32 for the master weights, bf16 for the shadow.
  at::Tensor fused_weight(ParameterId first, at::IntArrayRef shape, at::ScalarType type) const;
  at::Tensor fused_gradient(ParameterId first, at::IntArrayRef shape) const;

  at::Tensor weights() const { return weights_; }
  at::Tensor gradients() const { return gradients_; }
  at::Tensor first_moment() const { return first_moment_; }
  at::Tensor second_moment() const { return second_moment_; }
  at::Tensor shadow() const { return shadow_; }

  /// Draws fresh weights for the named rows: N(0, initializer_range), zeros and ones as the table
  /// says. A row's values depend on its name and the seed alone.
  void initialize(double initializer_range, uint64_t seed, const std::vector<std::string>& names);
  /// The same for all rows.
  void initialize(double initializer_range, uint64_t seed);
  /// Rewrites the bf16 shadow after the weights were changed by other means than the optimizer.
  void refresh_shadow();
  void refresh_shadow(ArenaRange range);
  /// Zeroes the moments in a range (but for the edges of its pages) and gives their memory back.
  void release_moments(ArenaRange range);
  /// Zeroes the gradients of the shared part and of one task.
  void zero_gradients(int task);

 private:
  at::Tensor view(const at::Tensor& buffer, ParameterId id) const;
  const at::Tensor& compute_buffer() const { return shadow_.defined() ? shadow_ : weights_; }

  ParameterTable table_;
  at::ScalarType compute_type_;
  at::Tensor weights_, gradients_, first_moment_, second_moment_, shadow_;
};

}  // namespace pals
