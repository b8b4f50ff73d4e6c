// An adapter of another package as the source of a conversion, over the model that it belongs to.
#pragma once

#include "convert/source.h"
#include "foreign/foreign_folder.h"

namespace pals {

/// Reads the adapter's folder `options.from`, and the shared weights of `options.base`. Throws
/// UsageError for flags that are missing or contradict the adapter, Error for an adapter of another
/// model (by name unless changes are accepted, and by shapes), and as read_foreign_folder.
ConvertSource read_foreign_source(const ConvertOptions& options, Package package);

}  // namespace pals
