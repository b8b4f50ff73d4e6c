// A task of a model folder written as an adapter of another package.
#pragma once

#include <string>
#include <vector>

#include "convert/convert.h"
#include "convert/source.h"
#include "foreign/foreign_folder.h"

namespace pals {

/// Throws an Error or UsageError if nothing may be written at `options.to`.
void check_foreign_target(const ConvertOptions& options);

/// Writes the folder; the paths that were written. The adapter belongs to `options.base`, whose
/// weights must be the source's shared ones, or if that is not given to the model folder
/// `options.from`, which transformers opens, too. Throws UsageError if it is not clear which task
/// is meant, Error for an adapter or a head that the package does not have; nothing is written
/// then. The report's counts become those of the adapter.
std::vector<std::string> write_foreign_target(const ConvertOptions& options,
                                              const ConvertSource& source, Package package,
                                              ConvertReport& report);

}  // namespace pals
