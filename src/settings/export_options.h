// Everything that `pals export` can be told. Field names are the flags'.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "options/choices.h"
#include "options/option.h"

namespace pals {

/// Whose files an export writes.
enum class ExportFormat { kTransformers, kOnnx, kSentenceTransformers };
inline constexpr Name<ExportFormat> kExportFormats[] = {
    {ExportFormat::kTransformers, "transformers"},
    {ExportFormat::kOnnx, "onnx"},
    {ExportFormat::kSentenceTransformers, "sentence-transformers"}};
constexpr std::span<const Name<ExportFormat>> names_of(ExportFormat) { return kExportFormats; }

struct ExportOptions {
  std::string from;                    ///< a model folder
  std::string to;                      ///< a folder, or a file .onnx
  std::optional<ExportFormat> format;  ///< not given: onnx for a file .onnx
  std::string task;                    ///< empty: the only one; of ONNX all
  std::optional<Pooling> pooling;      ///< of sentence-transformers; not given: mean
  bool normalize = false;              ///< the same
  bool accept_changes = false;         ///< as of a conversion
  bool overwrite = false;
};

struct ExportFlags {
  ExportOptions options;
  bool json = false;  ///< the report as JSON
};

/// One row for each, which fills `flags` (it must outlive the rows). Without folder and output,
/// which are no flags.
OptionList options_of(ExportFlags& flags);

}  // namespace pals
