// The kinds of tasks that there are: one row a kind. What a kind is stands in src/kinds.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/names.h"

namespace pals {

/// A row: `name` is what task files call the kind; src/kinds/`name`.cpp defines it.
/// New rows stand at the end.
#define PALS_TASK_KINDS(ROW)            \
  ROW(kClassification, classification)  \
  ROW(kRegression, regression)          \
  ROW(kSpan, span)                      \
  ROW(kMultipleChoice, multiple_choice) \
  ROW(kMultiLabel, multi_label)         \
  ROW(kTagging, tagging)

#define PALS_KIND_VALUE(value, name) value,
enum class TaskKind { PALS_TASK_KINDS(PALS_KIND_VALUE) };
#undef PALS_KIND_VALUE

#define PALS_KIND_NAME(value, name) {TaskKind::value, #name},
inline constexpr Name<TaskKind> kTaskKinds[] = {PALS_TASK_KINDS(PALS_KIND_NAME)};
#undef PALS_KIND_NAME
constexpr std::span<const Name<TaskKind>> names_of(TaskKind) { return kTaskKinds; }

/// "classification", "regression", ...: as task files have it.
const char* kind_name(TaskKind kind);

/// The kind of that name, or nothing.
std::optional<TaskKind> kind_from_name(std::string_view name);

/// All names of kinds, in the order of TaskKind.
const std::vector<std::string>& kind_names();

}  // namespace pals
