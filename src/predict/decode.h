// A head's logits as what the model says of texts: the third part of a prediction. Any thread.
#pragma once

#include <span>
#include <vector>

#include "predict/encode.h"
#include "predict/prediction.h"
#include "predict/run.h"
#include "tasks/task.h"
#include "text/tokenizer.h"

namespace pals {

/// Softmax of the logits of a text's classes or of a question's choices; a regression's output
/// times label_scale.
Prediction make_prediction(const Task& task, std::span<const float> logits);

/// What decoding needs to know of a model. The members must outlive its users.
struct TextRules {
  const Tokenizer& tokenizer;
  int max_seq_length;  ///< of the rows
};

/// What the task of form `form` says of each of the texts, by the logits of all its rows in their
/// order. Works on `threads` threads (0: all cores).
std::vector<Prediction> decode(const Task& task, const EncodedRows& rows, size_t form,
                               std::span<const float> logits, const TextRules& rules,
                               int threads = 1);

}  // namespace pals
