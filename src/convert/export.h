// A model folder written for other programs.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "settings/export_options.h"

namespace pals {

/// What an export did.
struct ExportReport {
  ExportFormat format = ExportFormat::kTransformers;
  std::vector<std::string> tasks;     ///< their names; none: the encoder
  std::vector<std::string> adapters;  ///< their kinds
  bool folded = false;                ///< terms of LoRA are now part of the weights
  bool own_code = false;              ///< needs trust_remote_code
  std::string written;                ///< a folder or a file
};

/// Exports `options.from` to `options.to`. Throws UsageError for flags that contradict each other
/// or the model, Error for a model that does not fit itself; nothing is written then.
ExportReport export_model(const ExportOptions& options);

/// The report as --json prints it, and as lines of text.
OrderedJson report_to_json(const ExportReport& report);
std::string report_text(const ExportReport& report);

}  // namespace pals
