#include "model/weights.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "checkpoint/finite.h"
#include "checkpoint/name_map.h"

namespace pals {
namespace {

// A message names all tensors of any checkpoint there is; a hostile file may hold more.
constexpr size_t kNamed = 2000;
constexpr size_t kLongestName = 200;

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

// Whether a head reads the pooled outputs: all but those of spans, which transformers saves without
// a pooler.
bool needs_pooler(const ParameterTable& table) {
  return std::ranges::any_of(
      table.rows(), [](const Parameter& row) { return row.name.ends_with(".classifier.weight"); });
}

void write_weight(ParameterArena& arena, ParameterId id, const TensorEntry& entry) {
  const auto numel = static_cast<size_t>(arena.table()[id].numel);
  arena.write_weight(id, [&](float* values) { copy_as_float(entry, values, numel); });
}

}  // namespace

std::string list_names(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kNamed); ++i) {
    text += (i > 0 ? ", " : "") + shown(names[i]);
  }
  if (names.size() > kNamed) text += concat(" and ", names.size() - kNamed, " more");
  return text;
}

WeightPlan plan_weights(const ParameterTable& table, const TensorFile& file, LoadScope scope,
                        const std::string& where) {
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

  const bool pooler_needed = scope == LoadScope::kAll && needs_pooler(table);
  std::vector<std::string> required;
  for (size_t i = 0; i < table.rows().size(); ++i) {
    const Parameter& row = table.rows()[i];
    if (plan.sources.count(static_cast<ParameterId>(i)) > 0) continue;
    report.missing.push_back(row.name);
    const bool in_scope = scope == LoadScope::kAll || row.owner == kSharedOwner;
    const bool may_be_missing = !pooler_needed && row.owner == kSharedOwner && is_pooler(row.name);
    const bool named = draft.unfilled.count(static_cast<ParameterId>(i)) > 0;
    if (in_scope && !may_be_missing && !named) {
      required.push_back(concat(row.name, " ", shape_text(row.shape)));
    }
  }
  std::vector<std::string> problems;
  if (!draft.misfits.empty()) {
    problems.push_back("tensors that do not fit: " + list_names(draft.misfits));
  }
  if (!required.empty()) problems.push_back("missing tensors: " + list_names(required));
  if (problems.empty()) return plan;
  std::vector<std::string> unknown = report.unused;
  std::erase_if(unknown, [](const std::string& name) { return is_left_out(name); });
  if (!unknown.empty()) problems.push_back("tensors of unknown name: " + list_names(unknown));
  fail(where, ": ", join(problems, "; "));
}

LoadReport load_weights(MultiTaskModel& model, const TensorFile& file, LoadScope scope,
                        const std::string& where) {
  const ParameterTable& table = model.arena().table();
  WeightPlan plan = plan_weights(table, file, scope, where);
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
  const std::string prefix = concat("tasks.", task, ".");
  std::vector<std::string> problems;
  for (const TensorEntry& entry : file.tensors()) {
    if (table.find(prefix + entry.name) < 0) problems.push_back(entry.name + " (unknown)");
  }
  for (const Parameter& row : table.rows()) {
    if (row.owner != task) continue;
    const std::string name = row.name.substr(prefix.size());
    const TensorEntry* entry = file.find(name);
    if (entry == nullptr) {
      problems.push_back(name + " (missing)");
    } else if (const std::string reason = misfit(*entry, row); !reason.empty()) {
      problems.push_back(name + reason);
    }
  }
  if (!problems.empty()) {
    fail(where, ": tensors that do not fit: ", list_names(problems));
  }
  for (const Parameter& row : table.rows()) {
    if (row.owner != task) continue;
    write_weight(arena, table.find(row.name), *file.find(row.name.substr(prefix.size())));
  }
}

}  // namespace pals
