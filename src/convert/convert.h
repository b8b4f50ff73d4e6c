// From a checkpoint of any format to another: read and checked as a whole, then written.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "settings/tool_options.h"

namespace pals {

/// What a conversion did.
struct ConvertReport {
  std::string from_format, to_format;
  std::string adapter;
  size_t tensors = 0;  ///< distinct ones
  int64_t parameters = 0;
  int tasks = 0;
  std::vector<std::string> left_out;  ///< tensors of `from` that were not taken over
  size_t slots = 0;                   ///< optimizer slots, averages and counters, left out too
  std::vector<std::string> missing;   ///< parameters that it did not have (a pooler)
  std::vector<std::string> written;   ///< paths
};

/// Converts `options.from` to `options.to`. Throws UsageError and Error as read_convert_source and
/// write_target do; nothing is written unless everything was read and fits.
ConvertReport convert(const ConvertOptions& options);

/// The report as --json prints it, and as lines of text.
OrderedJson report_to_json(const ConvertReport& report);
std::string report_text(const ConvertReport& report);

}  // namespace pals
