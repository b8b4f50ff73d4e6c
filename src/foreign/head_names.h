// What other packages call the heads of tasks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kinds/kind.h"

namespace pals {

/// The names of a head in configurations; null: the package has no such head.
struct HeadNames {
  ForeignHead head = ForeignHead::kNone;
  const char* peft = nullptr;         ///< task_type
  const char* hub = nullptr;          ///< head_type of the package adapters
  const char* model_class = nullptr;  ///< of transformers, whose head the package adapters keeps
  /// In the package adapters it has a number of choices in place of labels, and no key "bias".
  bool hub_counts_choices = false;
};

/// The names of one package.
using PackageNames = const char* HeadNames::*;

/// Those of the head that the package calls so; null: none.
const HeadNames* find_head(PackageNames package, std::string_view name);

/// Those of the kind's head; without a name if no package has it.
const HeadNames& head_names(TaskKind kind);

/// All that the package has: "A, B or C" for the conjunction "or", behind `first` if that is not
/// empty.
std::string list_heads(PackageNames package, const char* conjunction, std::string first = {});

/// The kind of task for a head of that many outputs (Kind::foreign_head); 0: it is not known yet.
TaskKind kind_with_head(ForeignHead head, int64_t num_outputs);

}  // namespace pals
