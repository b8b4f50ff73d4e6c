// The heads of the tasks: a dense layer on the pooled output or on every token, and its loss.
#pragma once

#include <string>

#include "heads/losses.h"
#include "modules/linear.h"
#include "tasks/loss_settings.h"
#include "tasks/task_kind.h"

namespace pals {

class Kind;

/// What the head of a task is.
struct HeadSpec {
  TaskKind kind = {};
  int64_t num_outputs = 2;
  LossSettings loss = {};
};

/// A task's outputs (reference-system, section 1 "Heads"): dropout, then dense [C, H] on the pooled
/// output of each row, or dense [C, H] on every token without dropout, as the task's kind says.
class Head {
 public:
  /// Registers `<prefix>` and the name that the kind gives its head.
  Head(ParameterTable& table, const std::string& prefix, int64_t hidden_size, const HeadSpec& spec,
       int owner);

  int64_t num_outputs() const { return dense_.out_features(); }

  /// Whether the head reads the tokens' last hidden states instead of the rows' pooled outputs.
  bool reads_tokens() const;

  /// x [M, H] act, M rows or tokens -> logits [M, C] fp32. first_keys [rows]: dropout keys of the
  /// rows' first tokens.
  at::Tensor forward(const Pass& pass, const at::Tensor& x, const at::Tensor& first_keys) const;
  /// Gradient of x.
  at::Tensor backward(const Pass& pass, const at::Tensor& d_logits,
                      const at::Tensor& first_keys) const;

  /// What compute_loss needs for the losses of a segment's examples.
  LossTargets loss_targets(const PackedBatch& batch, const Segment& segment, Upload& upload) const;

 private:
  Dropout dropout(const Pass& pass) const;

  const Kind* kind_;  // never null; a head can be assigned
  LossSettings loss_;
  Linear dense_;
};

}  // namespace pals
