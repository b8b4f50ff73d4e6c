// Writes what was read as a model folder, a PyTorch file or a safetensors file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "convert/convert.h"
#include "convert/source.h"
#include "foreign/foreign_folder.h"
#include "settings/tool_options.h"

namespace pals {

/// By --to, or by the ending: .bin, .pt, .pth, .safetensors; everything else is a folder.
TargetFormat target_format(const ConvertOptions& options);

/// "model folder", "PyTorch", "safetensors", "adapter of peft", "adapter of adapters".
const char* target_name(TargetFormat format);

/// Whose adapters are written; nothing for other formats.
std::optional<Package> package_of_format(TargetFormat format);

/// Throws an Error or UsageError if `options.to` cannot be written as asked, before anything is
/// read or written.
void check_target(const ConvertOptions& options);

/// Writes the target; returns the paths that were written. A file is accompanied by
/// bert_config.json and vocab.txt where its folder has none. Throws UsageError for a folder without
/// tasks or vocabulary, and Error for what the chosen names cannot express; nothing is written
/// then.
std::vector<std::string> write_target(const ConvertOptions& options, const ConvertSource& source,
                                      ConvertReport& report);

}  // namespace pals
