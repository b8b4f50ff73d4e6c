// What kinds share whose heads choose one of several: classes, or the choices of a question.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "batch/packed_batch.h"
#include "kinds/kind.h"

namespace pals {

/// Softmax, and the first of the likeliest.
Prediction choose_likeliest(std::span<const float> logits);

/// Kind::to_scores of labels.
OrderedJson label_scores(const std::vector<std::string>& labels, const Prediction& prediction,
                         bool raw);

/// The metrics of one label for each example.
Measures measure_labels(const Task& task, const DecodedFile& file);

/// Sees the targets of an example and its rows [first, last), counted from the segment's first.
using SeeExample = std::function<void(std::span<const float> targets, int64_t first, int64_t last)>;
void for_each_example(const PackedBatch& batch, const Segment& segment, const SeeExample& see);

/// The one target of an example, which must be a number in [0, count): an internal error if not.
int64_t chosen_of(std::span<const float> targets, int64_t count, const char* what);

/// Kind::add_teacher where an example's logits have one softmax, of which it makes probabilities.
void add_choosing_teacher(const PackedBatch& batch, const Segment& segment, LossLayout& layout);

/// Kind::add_teacher of other functions: each logit is to be what is taught too, as `value_of`
/// makes it of the teacher's logit.
void add_value_teacher(const PackedBatch& batch, const Segment& segment,
                       const std::function<double(double logit)>& value_of, LossLayout& layout);

/// Throws Error unless example `example` has no target or one whole number in [0, count).
void check_choice(std::span<const float> targets, int64_t example, int64_t count);

/// Throws Error unless each example has one row.
void check_single_rows(const FeatureSet& features);

}  // namespace pals
