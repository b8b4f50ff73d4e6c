#include "model/weights.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "base/error.h"
#include "base/text_util.h"
#include "checkpoint/name_map.h"

namespace pals {
namespace {

// At most this many tensors are named in one message.
constexpr size_t kNamed = 8;

void list(std::string& message, const std::vector<std::string>& items) {
  for (size_t i = 0; i < std::min(items.size(), kNamed); ++i) {
    message += (i > 0 ? ", " : "") + items[i];
  }
  if (items.size() > kNamed) message += concat(" and ", items.size() - kNamed, " more");
}

// Where the tensors of a file go: one source for each parameter that has one.
struct Plan {
  std::map<ParameterId, const TensorEntry*> sources;
  std::vector<std::string> misfits;
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
  return {};
}

void assign(Plan& plan, const ParameterTable& table, ParameterId id, const TensorEntry& entry) {
  const std::string reason = misfit(entry, table[id]);
  if (!reason.empty()) {
    plan.misfits.push_back(entry.name + reason);
    return;
  }
  const auto [it, inserted] = plan.sources.emplace(id, &entry);
  if (!inserted && !same_values(*it->second, entry)) {
    plan.misfits.push_back(
        concat(entry.name, " (differs from ", it->second->name, ", with which it should be tied)"));
  }
}

bool is_pooler(const std::string& name) { return name.find("pooler.") != std::string::npos; }

}  // namespace

LoadReport load_weights(MultiTaskModel& model, const TensorFile& file, LoadScope scope,
                        const std::string& where) {
  const ParameterTable& table = model.arena().table();
  Plan plan;
  LoadReport report;
  std::map<std::string, const TensorEntry*> shared_pooler;
  for (const TensorEntry& entry : file.tensors()) {
    const std::string name = canonical_name(entry.name);
    if (name.starts_with("pooler.")) shared_pooler[name] = &entry;
    const ParameterId id = target_of(table, name);
    if (id < 0 || (scope == LoadScope::kShared && table[id].owner != kSharedOwner)) {
      report.unused.push_back(entry.name);
    } else {
      assign(plan, table, id, entry);
    }
  }
  // Where each task has its own pooler and the file has none, it starts from the shared one.
  for (size_t i = 0; i < table.rows().size(); ++i) {
    const Parameter& row = table.rows()[i];
    const auto id = static_cast<ParameterId>(i);
    if (row.owner == kSharedOwner || !is_pooler(row.name) || plan.sources.count(id) > 0) continue;
    const auto it = shared_pooler.find(row.name.substr(row.name.find("pooler.")));
    if (it == shared_pooler.end()) continue;
    assign(plan, table, id, *it->second);
    std::erase(report.unused, it->second->name);
  }

  std::vector<std::string> required;
  for (size_t i = 0; i < table.rows().size(); ++i) {
    const Parameter& row = table.rows()[i];
    if (plan.sources.count(static_cast<ParameterId>(i)) > 0) continue;
    report.missing.push_back(row.name);
    const bool in_scope = scope == LoadScope::kAll || row.owner == kSharedOwner;
    if (in_scope && !(scope == LoadScope::kShared && is_pooler(row.name))) {
      required.push_back(concat(row.name, " ", shape_text(row.shape)));
    }
  }
  std::string message;
  if (!plan.misfits.empty()) {
    message += "tensors that do not fit: ";
    list(message, plan.misfits);
  }
  // With shapes that do not fit, the missing names would only repeat them.
  if (plan.misfits.empty() && !required.empty()) {
    message += "missing tensors: ";
    list(message, required);
    if (!report.unused.empty()) {
      message += "; tensors of unknown name: ";
      list(message, report.unused);
    }
  }
  if (!message.empty()) fail(where, ": ", message);

  float* weights = model.arena().weights().data_ptr<float>();
  for (const auto& [id, entry] : plan.sources) {
    copy_as_float(*entry, weights + table[id].offset, static_cast<size_t>(table[id].numel));
  }
  model.arena().refresh_shadow();
  return report;
}

void load_task_weights(MultiTaskModel& model, int task, const TensorFile& file,
                       const std::string& where) {
  const ParameterTable& table = model.arena().table();
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
    std::string message = "tensors that do not fit: ";
    list(message, problems);
    fail(where, ": ", message);
  }
  float* weights = model.arena().weights().data_ptr<float>();
  for (const Parameter& row : table.rows()) {
    if (row.owner != task) continue;
    copy_as_float(*file.find(row.name.substr(prefix.size())), weights + row.offset,
                  static_cast<size_t>(row.numel));
  }
}

}  // namespace pals
