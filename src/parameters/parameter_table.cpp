#include "parameters/parameter_table.h"

#include <algorithm>
#include <stdexcept>

namespace pals {
namespace {

int64_t align(int64_t offset) {
  constexpr int64_t kAlignment = ParameterTable::kAlignment;
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

ParameterId ParameterTable::add(Parameter parameter) {
  const ParameterId id = next();
  if (!ids_.emplace(parameter.name, id).second) {
    throw std::logic_error("parameter registered twice: " + parameter.name);
  }
  parameter.numel = 1;
  for (const int64_t size : parameter.shape) parameter.numel *= size;
  rows_.push_back(std::move(parameter));
  return id;
}

void ParameterTable::set_group(ParameterId first, LearningRateGroup group) {
  for (auto row = rows_.begin() + first; row != rows_.end(); ++row) {
    if (row->group == LearningRateGroup::kBase) row->group = group;
  }
}

void ParameterTable::set_depth(ParameterId first, int depth) {
  for (auto row = rows_.begin() + first; row != rows_.end(); ++row) row->depth = depth;
}

int ParameterTable::last_owner() const {
  int last = kSharedOwner;
  for (const Parameter& row : rows_) last = std::max(last, row.owner);
  return last;
}

void ParameterTable::lay_out() {
  int64_t offset = 0;
  for (int owner = kSharedOwner; owner <= last_owner(); ++owner) {
    offset = align(offset);
    const int64_t begin = offset;
    for (Parameter& row : rows_) {
      if (row.owner != owner) continue;
      if (!row.adjoins_previous) offset = align(offset);
      row.offset = offset;
      offset += row.numel;
    }
    ranges_[owner] = {begin, align(offset)};
  }
  total_ = align(offset);
  pad_shadow_rows(1);
}

void ParameterTable::pad_shadow_rows(int64_t multiple) {
  shadow_ranges_.clear();
  shadow_runs_.clear();
  int64_t end = 0;
  for (int owner = kSharedOwner; owner <= last_owner(); ++owner) {
    const int64_t begin = end;
    for (Parameter& row : rows_) {
      if (row.owner == owner) add_to_shadow(row, end, multiple);
    }
    end = align(end);
    shadow_ranges_[owner] = {begin, end};
  }
  shadow_total_ = end;
  if (!shadow_runs_.empty() && shadow_runs_.back().stride == 0) {
    shadow_runs_.back().range.end = total_;
  }
}

void ParameterTable::add_to_shadow(Parameter& row, int64_t& end, int64_t multiple) {
  const bool is_matrix = row.shape.size() == 2;
  const int64_t columns = is_matrix ? row.shape.back() : 0;
  const int64_t padded = is_matrix ? (columns + multiple - 1) / multiple * multiple : 0;
  const int64_t stride = padded == columns ? 0 : padded;
  if (!row.adjoins_previous) end = align(end);
  row.shadow_offset = end;
  row.shadow_stride = stride;
  end += stride > 0 ? row.shape.front() * stride : row.numel;
  ShadowRun run = {{row.offset, row.offset + row.numel},
                   row.shadow_offset - row.offset,
                   stride > 0 ? columns : 0,
                   stride};
  if (!shadow_runs_.empty()) {
    // What lies between two runs belongs to the first if that has no gaps.
    ShadowRun& last = shadow_runs_.back();
    if (last.stride == 0) last.range.end = row.offset;
    const bool goes_on = row.adjoins_previous || stride == 0;
    const bool alike = last.columns == run.columns && last.stride == stride;
    if (goes_on && alike && (stride > 0 || last.shift == run.shift)) {
      last.range.end = run.range.end;
      return;
    }
  }
  shadow_runs_.push_back(run);
}

ArenaRange ParameterTable::shadow_range(int owner) const {
  const auto it = shadow_ranges_.find(owner);
  return it == shadow_ranges_.end() ? ArenaRange{} : it->second;
}

ParameterId ParameterTable::find(std::string_view name) const {
  const auto it = ids_.find(std::string(name));
  return it == ids_.end() ? -1 : it->second;
}

ArenaRange ParameterTable::range(int owner) const {
  const auto it = ranges_.find(owner);
  return it == ranges_.end() ? ArenaRange{} : it->second;
}

ArenaRange ParameterTable::range(std::string_view prefix) const {
  ArenaRange range{total_, 0};
  for (const Parameter& row : rows_) {
    if (!row.name.starts_with(prefix)) continue;
    range.begin = std::min(range.begin, row.offset);
    range.end = std::max(range.end, row.offset + row.numel);
  }
  return range.begin < range.end ? range : ArenaRange{};
}

int64_t ParameterTable::count(int owner) const {
  int64_t sum = 0;
  for (const Parameter& row : rows_) sum += row.owner == owner ? row.numel : 0;
  return sum;
}

void ParameterTable::freeze_shared(Frozen frozen) {
  if (frozen == Frozen::kNothing) return;
  for (Parameter& row : rows_) {
    const bool stays = row.layer_norm && frozen == Frozen::kWeights;
    if (row.owner == kSharedOwner && !stays) row.trainable = false;
  }
}

bool ParameterTable::shared_trains() const {
  return std::ranges::any_of(
      rows_, [](const Parameter& row) { return row.owner == kSharedOwner && row.trainable; });
}

}  // namespace pals
