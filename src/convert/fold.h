// Terms within products that become part of the products' weights.
#pragma once

#include <string>

#include "convert/source.h"

namespace pals {

/// Whether an adapter has terms within products: lora, with LHUC or without.
bool has_terms(const AdapterConfig& adapter);

/// Leaves of a source one task, whose LoRA terms are added to the shared weights, and whose pooler,
/// if it has one of its own, takes the place of the shared one: a model without adapter, or with
/// LHUC alone where that was beside the terms, with the same outputs but for rounding. Throws
/// UsageError for a task that is not there or has no terms.
void fold_task(const std::string& task, ConvertSource& source);

}  // namespace pals
