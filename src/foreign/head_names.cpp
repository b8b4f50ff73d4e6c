#include "foreign/head_names.h"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr HeadNames kHeads[] = {
    {.head = ForeignHead::kClasses,
     .peft = "SEQ_CLS",
     .hub = "classification",
     .model_class = "BertForSequenceClassification"},
    {.head = ForeignHead::kLabelSet, .peft = "SEQ_CLS", .hub = "multilabel_classification"},
    {.head = ForeignHead::kTags,
     .peft = "TOKEN_CLS",
     .hub = "tagging",
     .model_class = "BertForTokenClassification"},
    {.head = ForeignHead::kChoices, .hub = "multiple_choice", .hub_counts_choices = true},
    {.head = ForeignHead::kSpan, .peft = "QUESTION_ANS", .hub = "question_answering"}};

}  // namespace

const HeadNames* find_head(PackageNames package, std::string_view name) {
  for (const HeadNames& names : kHeads) {
    if (names.*package != nullptr && name == names.*package) return &names;
  }
  return nullptr;
}

const HeadNames& head_names(TaskKind kind) {
  static constexpr HeadNames kNone{};
  const auto found = std::ranges::find(kHeads, kind_of(kind).foreign_head(), &HeadNames::head);
  return found != std::end(kHeads) ? *found : kNone;
}

std::string list_heads(PackageNames package, const char* conjunction, std::string first) {
  std::vector<std::string> names;
  if (!first.empty()) names.push_back(std::move(first));
  for (const HeadNames& head : kHeads) {
    const char* name = head.*package;
    if (name != nullptr && std::ranges::find(names, name) == names.end()) names.emplace_back(name);
  }
  const std::string last = names.back();
  names.pop_back();
  return names.empty() ? last : concat(join(names, ", "), " ", conjunction, " ", last);
}

TaskKind kind_with_head(ForeignHead head, int64_t num_outputs) {
  const TaskKind* first = nullptr;
  for (const Name<TaskKind>& row : kTaskKinds) {
    const Kind& kind = kind_of(row.value);
    if (kind.foreign_head() != head) continue;
    if (kind.has_values() == (num_outputs == 1)) return row.value;
    if (first == nullptr) first = &row.value;
  }
  if (first == nullptr) throw std::logic_error("kind_with_head: no kind has this head");
  return *first;
}

}  // namespace pals
