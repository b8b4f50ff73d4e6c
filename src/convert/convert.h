// From a checkpoint of any format to another: read and checked as a whole, then written.
#pragma once

#include "base/json.h"
#include "convert/options.h"

namespace pals {

/// Converts `options.from` to `options.to`. Throws UsageError and Error as read_convert_source and
/// write_target do; nothing is written unless everything was read and fits.
ConvertReport convert(const ConvertOptions& options);

/// The report as --json prints it, and as lines of text.
OrderedJson report_to_json(const ConvertReport& report);
std::string report_text(const ConvertReport& report);

}  // namespace pals
