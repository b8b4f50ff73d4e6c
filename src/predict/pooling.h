// One vector for each text, out of the vectors of its tokens.
#pragma once

#include <string>

#include "model/multi_task_model.h"

namespace pals {

/// kCls: the first token's last hidden state. kMean, kMax: over all tokens, [CLS] and [SEP]
/// included. kPooled: the pooler's output, tanh(dense(first token)).
enum class Pooling { kCls, kMean, kMax, kPooled };

/// "cls", "mean", "max" or "pooled"; UsageError for anything else.
Pooling parse_pooling(const std::string& name);

/// The vectors [B, H], fp32 on the CPU, of a batch run with keep_layers; with `normalize` of
/// length 1.
at::Tensor pool(const PackedBatch& batch, const MultiTaskModel::Output& output, Pooling pooling,
                bool normalize);

}  // namespace pals
