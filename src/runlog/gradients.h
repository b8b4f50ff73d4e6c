// How alike the gradients of a model's tasks are, as a file keeps it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace pals {

/// Of the file.
inline constexpr int64_t kGradientsVersion = 1;

/// What some training batches of each task say at one model, of the shared parameters that train. A
/// cosine with a gradient that is zero is nothing.
struct GradientRecord {
  int64_t step = 0;        ///< steps that the model has had
  int64_t batches = 0;     ///< of each task; small tasks may have fewer
  int64_t parameters = 0;  ///< of which the gradients are
  std::vector<std::string> tasks;
  /// [task][task] of the tasks' mean gradients; 1 on the diagonal.
  std::vector<std::vector<std::optional<double>>> cosines;
  /// Of each task the cosine between the mean gradients of its batches' two halves: how far the
  /// numbers beside it are to be believed. Nothing of a single batch.
  std::vector<std::optional<double>> halves;
  std::vector<double> norms;  ///< of the mean gradients

  bool operator==(const GradientRecord&) const = default;
};

OrderedJson to_json(const GradientRecord& record);

/// Reads what to_json() made. Errors begin with `where` and name the key.
GradientRecord parse_gradients(const Json& json, const std::string& where);

}  // namespace pals
