// What changes in a model that predicts: its weights' layout, and which tasks it has.
#include <algorithm>

#include "base/error.h"
#include "model/multi_task_model.h"

namespace pals {
namespace {

std::unique_ptr<ParameterArena> folded_arena(const ParameterTable& table,
                                             const TaskAdapter& adapter,
                                             const ParameterArena& from) {
  auto folded = std::make_unique<ParameterArena>(table, from.compute_type(), from.device());
  adapter.fold(from, *folded);
  folded->refresh_shadow();
  return folded;
}

}  // namespace

void MultiTaskModel::pack_weights() {
  unpack_weights();
  packs_ = true;
  for (int task = 0; task < num_tasks(); ++task) pack_task(task);
  if (device().is_cpu()) {
    if (PackedWeights::supported(precision_.type)) packed_ = std::make_unique<PackedWeights>();
    return;
  }
  if (folded_table_.total() == 0) return;
  folded_ = std::make_unique<ParameterArena>(folded_table_, precision_.type, device());
  for (size_t task = 0; task < adapters_.size(); ++task) {
    if (own_[task] == nullptr) adapters_[task].fold(*arena_, *folded_);
  }
  folded_->refresh_shadow();
}

void MultiTaskModel::unpack_weights() {
  packs_ = false;
  packed_.reset();
  folded_.reset();
  for (const auto& own : own_) {
    if (own == nullptr) continue;
    own->packed.reset();
    own->folded.reset();
  }
}

void MultiTaskModel::pack_task(int task) {
  TaskParameters* own = own_[static_cast<size_t>(task)].get();
  if (own == nullptr || !packs_) return;
  if (device().is_cpu()) {
    if (PackedWeights::supported(precision_.type)) own->packed = std::make_unique<PackedWeights>();
  } else if (own->folded_table.total() > 0) {
    own->folded = folded_arena(own->folded_table, adapters_[static_cast<size_t>(task)], own->arena);
  }
}

ParameterArena& MultiTaskModel::task_arena(int task) {
  const auto& own = own_[static_cast<size_t>(task)];
  return own != nullptr ? own->arena : *arena_;
}

int MultiTaskModel::add_task(const AdapterConfig& adapter, const HeadSpec& head) {
  TORCH_CHECK(!arena_->training_ready(), "a model that trains takes in no tasks");
  if (!adapter.task_pooler && !shared_pooler_) {
    fail("the model's tasks have poolers of their own: it takes in no task without one");
  }
  const auto place = static_cast<size_t>(std::ranges::find(present_, false) - present_.begin());
  const auto task = static_cast<int>(place);
  const std::string prefix = concat("tasks.", task, ".");
  ParameterTable table, folded;
  TaskAdapter built = build_adapter(table, folded, arena_->table(), task, bert_, adapter);
  std::optional<Pooler> pooler;
  if (adapter.task_pooler) pooler.emplace(table, prefix, bert_.hidden_size, task);
  const Head built_head(table, prefix, bert_.hidden_size, head, task);
  table.lay_out();
  folded.lay_out();
  auto own = std::make_unique<TaskParameters>(TaskParameters{
      ParameterArena(std::move(table), precision_.type, device()), std::move(folded)});
  if (precision_.int8) own->int8 = std::make_unique<Int8Weights>();
  built.own = own.get();
  built.group = -1 - task;  // of no other's
  if (place == heads_.size()) {
    configs_.emplace_back();
    poolers_.emplace_back();
    adapters_.emplace_back(bert_.num_hidden_layers);
    heads_.push_back(built_head);
    present_.push_back(false);
    own_.emplace_back();
  }
  configs_[place] = adapter;
  poolers_[place] = std::move(pooler);
  adapters_[place] = std::move(built);
  heads_[place] = built_head;
  own_[place] = std::move(own);
  present_[place] = true;
  return task;
}

void MultiTaskModel::remove_task(int task) {
  TORCH_CHECK(!arena_->training_ready(), "a model that trains lets go of no tasks");
  TORCH_CHECK(has_task(task), "the model has no task ", task);
  const auto place = static_cast<size_t>(task);
  present_[place] = false;
  configs_[place] = {};
  poolers_[place].reset();
  adapters_[place] = TaskAdapter(bert_.num_hidden_layers);
  if (own_[place] != nullptr) {
    own_[place].reset();
    return;
  }
  arena_->release_weights(task);
  if (packed_ == nullptr) return;
  const std::vector<Parameter>& rows = arena_->table().rows();
  for (size_t id = 0; id < rows.size(); ++id) {
    if (rows[id].owner == task) packed_->forget(static_cast<ParameterId>(id));
  }
}

void MultiTaskModel::fold_terms(int task) {
  TORCH_CHECK(!packs_, "terms are folded into weights that are not packed");
  TaskAdapter& adapter = adapters_[static_cast<size_t>(task)];
  for (const auto& [weight, term] : adapter.terms) {
    term.fold(task_arena(task), arena_->weight(weight));
  }
  adapter.terms.clear();
  arena_->refresh_shadow();
}

}  // namespace pals
