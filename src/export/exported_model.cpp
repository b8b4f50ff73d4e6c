#include "export/exported_model.h"

#include <cstring>

#include "adapters/registry.h"
#include "base/error.h"
#include "kinds/kind.h"

namespace pals {
namespace {

constexpr std::string_view kPooler = "pooler.", kTasks = "tasks.";

}  // namespace

ExportedModel::ExportedModel(const ModelDescription& description, const Tokenizer& tokenizer,
                             const std::vector<TensorEntry>& rows)
    : description_(description), tokenizer_(tokenizer) {
  for (const TensorEntry& row : rows) {
    if (row.bytes.empty()) continue;
    places_.emplace(row.name, rows_.size());
    rows_.push_back(row);
  }
  for (size_t task = 0; task < tasks().size(); ++task) scale_head(task);
}

void ExportedModel::scale_head(size_t task) {
  const auto scale = static_cast<float>(tasks()[task].label_scale);
  if (!kind_of(tasks()[task]).has_values() || scale == 1.0F) return;
  const std::string head =
      concat(task_prefix(static_cast<int>(task)), kind_of(tasks()[task]).head().name, ".");
  for (const char* part : {"weight", "bias"}) {
    TensorEntry& row = rows_[places_.at(head + part)];
    std::vector<float> values(static_cast<size_t>(row.numel()));
    copy_as_float(row, values.data(), values.size());
    for (float& value : values) value *= scale;
    const std::span<std::byte> owned = memory_.allocate(row.bytes.size());
    std::memcpy(owned.data(), values.data(), owned.size());
    row.bytes = owned;
  }
}

const TensorEntry* ExportedModel::find(const std::string& name) const {
  const auto place = places_.find(name);
  return place == places_.end() ? nullptr : &rows_[place->second];
}

const TensorEntry& ExportedModel::tensor(const std::string& name) const {
  const TensorEntry* found = find(name);
  if (found == nullptr) fail("the model has no tensor ", name);
  return *found;
}

std::string ExportedModel::pooler(size_t task) const {
  for (const std::string& prefix : {task_prefix(static_cast<int>(task)), std::string()}) {
    const std::string name = concat(prefix, kPooler, "dense.");
    if (find(name + "weight") != nullptr) return name;
  }
  return {};
}

std::vector<const TensorEntry*> ExportedModel::encoder_tensors() const {
  std::vector<const TensorEntry*> tensors;
  for (const TensorEntry& row : rows_) {
    if (!row.name.starts_with(kTasks) && !row.name.starts_with(kPooler)) tensors.push_back(&row);
  }
  return tensors;
}

std::vector<const TensorEntry*> ExportedModel::adapter_tensors(size_t task) const {
  const std::string prefix = task_prefix(static_cast<int>(task));
  const std::string head = concat(prefix, kind_of(tasks()[task]).head().name, ".");
  std::vector<const TensorEntry*> tensors;
  for (const TensorEntry& row : rows_) {
    const bool other = !row.name.starts_with(prefix) || row.name.starts_with(head) ||
                       row.name.starts_with(concat(prefix, kPooler));
    if (!other) tensors.push_back(&row);
  }
  return tensors;
}

ExportedKind exported_kind(const AdapterConfig& adapter) {
  const ParsedKind parsed = find_adapter_kind(adapter.kind, "adapter");
  return {parsed.kind->name, parsed.lhuc};
}

bool is_plain(const AdapterConfig& adapter) {
  const ExportedKind kind = exported_kind(adapter);
  return kind.name == "none" && !kind.lhuc;
}

}  // namespace pals
