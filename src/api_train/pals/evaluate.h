// Evaluation: `pals eval` from a program.
#pragma once

#include <pals/error.h>
#include <pals/train.h>

#include <map>
#include <optional>
#include <stop_token>
#include <string>

namespace pals::api {

/// Options of `pals eval` by their names without dashes, with values as on the command line:
/// {{"model", "runs/glue/best"}, {"data_dir", "glue"}, {"tasks", "rte"}}.
using EvaluateOptions = std::map<std::string, std::string>;

/// Scores a model folder on the development sets of its tasks; `step` of the result is 0. With
/// output_dir it writes the answers of span tasks there. Nothing on ranks other than the first.
/// UsageError for options that are unknown, out of range, or about what the program prints
/// (per_class, errors, json); Error for faults in files and data, and once `stop` is requested.
std::optional<Scores> evaluate(const EvaluateOptions& options, const std::stop_token& stop = {});

}  // namespace pals::api
