#include "convert/fold.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "base/error.h"
#include "tasks/task_selection.h"

namespace pals {
namespace {

at::Tensor tensor_of(const TensorEntry& entry) {
  at::Tensor values = at::empty(entry.shape, at::kFloat);
  copy_as_float(entry, values.mutable_data_ptr<float>(), static_cast<size_t>(entry.numel()));
  return values.to(at::kDouble);
}

// The tensor of that name; null: there is none, or it has no values.
const TensorEntry* find(const std::vector<TensorEntry>& rows, const std::string& name) {
  const auto found = std::ranges::find(rows, name, &TensorEntry::name);
  return found == rows.end() || found->bytes.empty() ? nullptr : &*found;
}

// The tensor that a row of the folded model takes; null: none.
const TensorEntry* source_of(const std::string& name, const std::string& own,
                             const std::vector<TensorEntry>& rows) {
  const std::string first = task_prefix(0);
  if (name.starts_with(first)) return find(rows, own + name.substr(first.size()));
  const TensorEntry* pooler = name.starts_with("pooler.") ? find(rows, own + name) : nullptr;
  return pooler != nullptr ? pooler : find(rows, name);
}

// weight + B A scale, where the task has a term of this weight.
TensorEntry folded(const TensorEntry& weight, const std::string& own, double scale,
                   const std::vector<TensorEntry>& rows, TensorFile& memory) {
  constexpr std::string_view kEncoder = "encoder.", kWeight = "weight";
  if (!weight.name.starts_with(kEncoder) || !weight.name.ends_with(kWeight)) return weight;
  const std::string layer =
      own +
      weight.name.substr(kEncoder.size(), weight.name.size() - kEncoder.size() - kWeight.size());
  const TensorEntry* a = find(rows, layer + "lora_A.weight");
  const TensorEntry* b = find(rows, layer + "lora_B.weight");
  if (a == nullptr || b == nullptr) return weight;
  const at::Tensor sum = tensor_of(weight) + at::mm(tensor_of(*b), tensor_of(*a)) * scale;
  const std::span<std::byte> owned = memory.allocate(weight.bytes.size());
  at::from_blob(owned.data(), weight.shape, at::kFloat).copy_(sum);
  return make_tensor_entry(weight.name, DType::kF32, weight.shape, owned.data());
}

}  // namespace

bool has_terms(const AdapterConfig& adapter) {
  return find_adapter_kind(adapter.kind, "adapter").kind->name == std::string_view("lora");
}

void fold_task(const std::string& task, ConvertSource& source) {
  ModelDescription& description = source.description;
  const auto number = static_cast<size_t>(find_task(description.tasks, task, "--fold"));
  const AdapterConfig adapter = description.adapters[number];
  if (!has_terms(adapter)) {
    fail_usage("--fold: the adapter of task ", task, " is of the kind ", adapter.kind,
               "; terms within products, which can be folded, has lora alone");
  }
  const bool lhuc = find_adapter_kind(adapter.kind, "--fold").lhuc;
  const AdapterConfig left{.kind = lhuc ? "lhuc" : "none", .layers = adapter.layers};
  description.tasks = {description.tasks[number]};
  description.adapters = {resolve_adapter(left, description.bert, "--fold")};
  source.num_tasks = 1;
  source.single_head = !lhuc;
  auto model = std::make_unique<MultiTaskModel>(description.bert, description.adapters,
                                                head_specs(description.tasks), at::kFloat);
  const std::string own = task_prefix(static_cast<int>(number));
  const double scale = adapter.alpha / static_cast<double>(adapter.size);
  std::vector<TensorEntry> rows;
  for (const Parameter& row : model->arena().table().rows()) {
    const TensorEntry* entry = source_of(row.name, own, source.rows);
    rows.push_back(entry == nullptr ? TensorEntry()
                                    : folded(*entry, own, scale, source.rows, source.file));
    if (entry != nullptr) rows.back().name = row.name;
  }
  source.rows = std::move(rows);
  source.model = std::move(model);
}

}  // namespace pals
