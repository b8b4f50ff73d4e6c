#include "model/weights.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "checkpoint/finite.h"
#include "checkpoint/name_map.h"
#include "kinds/kind.h"
#include "model/folder_writer.h"

namespace pals {
namespace {

// Of a message's 300 characters: all names of a list, and one of them.
constexpr size_t kNamesShown = 180;
constexpr size_t kLongestName = 160;

// Names come from files: what could garble a terminal is escaped, what has no end is cut.
std::string shown(const std::string& name) {
  const bool plain = name.size() <= kLongestName && std::ranges::all_of(name, [](unsigned char c) {
                       return c >= 0x20 && c != 0x7f;
                     });
  return plain ? name : quote(name, kLongestName);
}

// Sources in the making, and what does not fit.
struct Draft {
  std::map<ParameterId, const TensorEntry*>& sources;
  std::vector<std::string> misfits;
  std::set<ParameterId> unfilled;  // by tensors that do not fit
};

// The parameter that a tensor of this name fills, directly or as a tied copy; -1: none.
ParameterId target_of(const ParameterTable& table, const std::string& name) {
  if (name.empty()) return -1;
  const ParameterId id = table.find(name);
  return id >= 0 ? id : table.find(tied_name(name));
}

bool same_values(const TensorEntry& a, const TensorEntry& b) {
  return a.dtype == b.dtype && a.bytes.size() == b.bytes.size() &&
         std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

bool is_floating(DType type) {
  return type == DType::kF32 || type == DType::kF16 || type == DType::kBF16 || type == DType::kF64;
}

// Why a tensor cannot fill a parameter; empty if it can.
std::string misfit(const TensorEntry& entry, const Parameter& row) {
  if (entry.shape != row.shape) {
    return concat(" (found ", shape_text(entry.shape), ", expected ", shape_text(row.shape), ")");
  }
  if (!is_floating(entry.dtype)) {
    return concat(" (found ", dtype_name(entry.dtype), " values, expected F32, F16, BF16 or F64)");
  }
  if (!all_finite(entry)) return " (holds a value that is not finite: NaN or infinite)";
  return {};
}

void assign(Draft& draft, const ParameterTable& table, ParameterId id, const TensorEntry& entry) {
  const std::string reason = misfit(entry, table[id]);
  if (!reason.empty()) {
    draft.misfits.push_back(entry.name + reason);
    draft.unfilled.insert(id);
    return;
  }
  const auto [it, inserted] = draft.sources.emplace(id, &entry);
  if (!inserted && !same_values(*it->second, entry)) {
    draft.misfits.push_back(
        concat(entry.name, " (differs from ", it->second->name, ", with which it should be tied)"));
  }
}

bool is_pooler(const std::string& name) { return name.find("pooler.") != std::string::npos; }

// transformers saves models whose heads read tokens (spans, tags) without a pooler.
bool is_idle_pooler(const MultiTaskModel& model, const Parameter& row) {
  return is_pooler(row.name) && !model.reads_pooler(row.owner);
}

void write_weight(ParameterArena& arena, ParameterId id, const TensorEntry& entry) {
  const auto numel = static_cast<size_t>(arena.table()[id].numel);
  arena.write_weight(id, [&](float* values) { copy_as_float(entry, values, numel); });
}

}  // namespace

std::string list_names(const std::vector<std::string>& names, size_t lists) {
  std::string text;
  size_t listed = 0;
  for (; listed < names.size(); ++listed) {
    const std::string name = shown(names[listed]);
    if (listed > 0 && text.size() + name.size() > kNamesShown / lists) break;
    text += (listed > 0 ? ", " : "") + name;
  }
  if (names.size() > listed) text += concat(" and ", names.size() - listed, " more");
  return text;
}

WeightPlan plan_weights(const MultiTaskModel& model, const TensorFile& file, LoadScope scope,
                        const std::string& where) {
  const ParameterTable& table = model.arena().table();
  WeightPlan plan;
  LoadReport& report = plan.report;
  Draft draft{plan.sources, {}, {}};
  std::map<std::string, const TensorEntry*> shared_pooler;
  for (const TensorEntry& entry : file.tensors()) {
    const std::string name = canonical_name(entry.name);
    if (name.starts_with("pooler.")) shared_pooler[name] = &entry;
    const ParameterId id = target_of(table, name);
    if (id < 0 || (scope == LoadScope::kShared && table[id].owner != kSharedOwner)) {
      report.unused.push_back(entry.name);
    } else {
      assign(draft, table, id, entry);
    }
  }
  // Where each task has its own pooler and the file has none, it starts from the shared one.
  for (size_t i = 0; i < table.rows().size(); ++i) {
    const Parameter& row = table.rows()[i];
    const auto id = static_cast<ParameterId>(i);
    if (row.owner == kSharedOwner || !is_pooler(row.name) || plan.sources.count(id) > 0) continue;
    const auto it = shared_pooler.find(row.name.substr(row.name.find("pooler.")));
    if (it == shared_pooler.end()) continue;
    assign(draft, table, id, *it->second);
    std::erase(report.unused, it->second->name);
  }

  std::vector<std::string> required;
  for (size_t i = 0; i < table.rows().size(); ++i) {
    const Parameter& row = table.rows()[i];
    if (plan.sources.count(static_cast<ParameterId>(i)) > 0) continue;
    report.missing.push_back(row.name);
    const bool in_scope = scope == LoadScope::kAll || row.owner == kSharedOwner;
    const bool may_be_missing =
        scope == LoadScope::kAll ? is_idle_pooler(model, row) : is_pooler(row.name);
    const bool named = draft.unfilled.count(static_cast<ParameterId>(i)) > 0;
    if (in_scope && !may_be_missing && !named) {
      required.push_back(concat(row.name, " ", shape_text(row.shape)));
    }
  }
  if (draft.misfits.empty() && required.empty()) return plan;
  std::vector<std::string> unknown = report.unused;
  std::erase_if(unknown, [](const std::string& name) { return is_left_out(name); });
  const std::pair<const char*, const std::vector<std::string>&> lists[] = {
      {"tensors that do not fit: ", draft.misfits},
      {"missing tensors: ", required},
      {"tensors of unknown name: ", unknown}};
  const auto num_lists = static_cast<size_t>(
      std::ranges::count_if(lists, [](const auto& list) { return !list.second.empty(); }));
  std::vector<std::string> problems;
  for (const auto& [title, names] : lists) {
    if (!names.empty()) problems.push_back(title + list_names(names, num_lists));
  }
  fail(where, ": ", join(problems, "; "));
}

std::vector<TensorEntry> filled_rows(const ParameterTable& table, const WeightPlan& plan,
                                     TensorFile& file) {
  std::vector<TensorEntry> rows(table.rows().size());
  for (const auto& [id, entry] : plan.sources) {
    const Parameter& row = table[id];
    const void* data = entry->bytes.data();
    if (entry->dtype != DType::kF32) {
      const auto numel = static_cast<size_t>(row.numel);
      const std::span<std::byte> owned = file.allocate(numel * sizeof(float));
      copy_as_float(*entry, reinterpret_cast<float*>(owned.data()), numel);
      data = owned.data();
    }
    rows[static_cast<size_t>(id)] = make_tensor_entry(row.name, DType::kF32, row.shape, data);
  }
  return rows;
}

LoadReport load_weights(MultiTaskModel& model, const TensorFile& file, LoadScope scope,
                        const std::string& where) {
  WeightPlan plan = plan_weights(model, file, scope, where);
  for (const auto& [id, entry] : plan.sources) {
    write_weight(model.arena(), id, *entry);
  }
  model.arena().refresh_shadow();
  return std::move(plan.report);
}

void load_task_weights(MultiTaskModel& model, int task, const TensorFile& file,
                       const std::string& where) {
  ParameterArena& arena = model.task_arena(task);
  const ParameterTable& table = arena.table();
  const std::string prefix = task_prefix(task);
  std::vector<std::string> problems;
  for (const TensorEntry& entry : file.tensors()) {
    if (table.find(prefix + entry.name) < 0) problems.push_back(entry.name + " (unknown)");
  }
  for (const Parameter& row : table.rows()) {
    if (row.owner != task) continue;
    const std::string name = row.name.substr(prefix.size());
    const TensorEntry* entry = file.find(name);
    if (entry == nullptr) {
      if (!is_idle_pooler(model, row)) problems.push_back(name + " (missing)");
    } else if (const std::string reason = misfit(*entry, row); !reason.empty()) {
      problems.push_back(name + reason);
    }
  }
  if (!problems.empty()) {
    fail(where, ": tensors that do not fit: ", list_names(problems));
  }
  for (const Parameter& row : table.rows()) {
    if (row.owner != task) continue;
    const TensorEntry* entry = file.find(row.name.substr(prefix.size()));
    if (entry != nullptr) write_weight(arena, table.find(row.name), *entry);
  }
}

void order_outputs(MultiTaskModel& model, int number, const Task& task,
                   const std::vector<int64_t>& order) {
  if (order.empty()) return;
  const ParameterArena& arena = model.task_arena(number);
  const std::string head = concat(task_prefix(number), kind_of(task).head().name, ".");
  const at::Tensor index = at::tensor(order, at::kLong).to(arena.device());
  for (const Parameter& row : arena.table().rows()) {
    if (!row.name.starts_with(head)) continue;
    const at::Tensor weight = arena.weight(arena.table().find(row.name));
    weight.copy_(weight.index_select(0, index));
  }
}

}  // namespace pals
