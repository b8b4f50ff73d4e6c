#include "kinds/transformers_head.h"

#include "kinds/kind.h"

namespace pals {

TransformersHead transformers_head(const Task& task) {
  const Kind& kind = kind_of(task);
  switch (kind.foreign_head()) {
    case ForeignHead::kNone:
      break;
    case ForeignHead::kClasses:
      return {"ForSequenceClassification",
              kind.has_values() ? "regression" : "single_label_classification"};
    case ForeignHead::kLabelSet:
      return {"ForSequenceClassification", "multi_label_classification"};
    case ForeignHead::kTags:
      return {"ForTokenClassification"};
    case ForeignHead::kChoices:
      return {"ForMultipleChoice"};
    case ForeignHead::kSpan:
      return {"ForQuestionAnswering"};
  }
  return {};
}

}  // namespace pals
