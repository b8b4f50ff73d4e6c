#include "train/data_parallel.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/text_util.h"
#include "base/version.h"
#include "batch/split_batch.h"
#include "kernels/operations.h"
#include "kernels/profile.h"
#include "kernels/threads.h"
#include "train/run_folder.h"

namespace pals {
namespace {

// Token ids of a step's batch, ascending, each once: on any rank only these have gradients in the
// word embeddings.
std::vector<int64_t> tokens_of(const TrainingBatch& batch) {
  std::vector<int64_t> tokens;
  for (const PackedBatch& part : batch.micro_batches) {
    tokens.insert(tokens.end(), part.token_ids.begin(), part.token_ids.end());
  }
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  return tokens;
}

}  // namespace

void set_threads(int threads, const World& world) {
  const int cores = world.num_cores();  // all ranks ask, whatever each of them was told
  if (threads > 0) {
    use_threads(threads);
  } else if (!world.alone() && std::getenv("OMP_NUM_THREADS") == nullptr) {
    at::set_num_threads(cores);
  }
}

void check_ranks(const World& world, const TrainOptions& options, const ParameterTable& table,
                 const std::vector<std::string>& data_keys) {
  if (world.alone()) return;
  world.check_same("pals", concat(version(), " ", file_hash_hex("/proc/self/exe")));
  const std::vector<std::string> all = world.gather(options_to_json(options).dump());
  for (size_t rank = 1; rank < all.size(); ++rank) {
    const auto names = differing_among_ranks(parse_json(all.front(), "options of rank 0"),
                                             parse_json(all[rank], "options of another rank"));
    if (names.empty()) continue;
    fail("rank ", rank, " has other values of ", join(names, ", "), " than rank 0");
  }
  world.check_same("instruction set", concat(cpu_isa(), " (PALS_ISA lowers it)"));
  world.check_same("model (its configuration or task-specific parts)", layout_hash(table));
  world.check_same("content of data files or vocabulary", join(data_keys, " "));
}

DataParallel::DataParallel(const World& world, MultiTaskModel& model, const Optimizer& optimizer,
                           GradientType type, bool shard_optimizer, double average_decay)
    : world_(world),
      model_(model),
      optimizer_(optimizer),
      shards_(make_shards(model.arena().table(), shard_optimizer ? world.size() : 1)),
      reducer_(world, model.arena(), type, shards_, shard_optimizer && !world.alone(),
               model.word_embeddings()),
      average_decay_(average_decay) {
  if (shard_optimizer && !world.alone()) {
    sharded_.emplace(optimizer, world, model.arena(), shards_);
  }
  if (model.precision().type == at::kHalf) scaler_.emplace(model.device());
}

at::Tensor DataParallel::run_share(const TrainingBatch& batch, uint64_t seed,
                                   const StepPosition* position) {
  OptimizerUpdate update;
  const bool updates = position != nullptr && model_.records_steps() && world_.alone() &&
                       !scaler_ && batch.micro_batches.size() == 1;
  if (updates) update.ranges = optimizer_.ranges(model_.arena().table(), batch.task, *position);
  const TrainingStep step{.seed = seed,
                          .step = static_cast<uint64_t>(batch.step),
                          .examples = batch.num_examples,
                          .gradient_scale = scaler_ ? scaler_->scale() : at::Tensor(),
                          .update = updates ? &update : nullptr};
  at::Tensor loss = at::zeros({}, at::TensorOptions(at::kDouble).device(model_.device()));
  if (world_.alone()) {
    for (const PackedBatch& part : batch.micro_batches) loss.add_(model_.train(part, step));
    stepped_ = update.done;
    return loss;
  }
  reducer_.begin(tokens_of(batch));
  const MultiTaskModel::RangeComplete reduce = [this](ArenaRange range) { reducer_.add(range); };
  const auto rank = static_cast<size_t>(world_.rank());
  for (const PackedBatch& whole : batch.micro_batches) {
    const PackedBatch share = take_examples(whole, split_examples(whole, world_.size())[rank]);
    const bool last = &whole == &batch.micro_batches.back();
    if (share.num_rows() > 0) {
      loss.add_(model_.train(share, step, last ? reduce : nullptr));
    } else if (last) {
      for (const ArenaRange range : model_.gradient_ranges(batch.task)) reduce(range);
    }
  }
  reducer_.finish();
  return loss;
}

at::Tensor DataParallel::take_step(
    const TrainingBatch& batch, uint64_t seed, const StepPosition& position,
    const std::function<void(const at::Tensor& sums)>& before_update) {
  at::Tensor sums = compute_gradients(batch, seed, &position);
  if (before_update && !stepped_) before_update(sums);
  step(batch.task, position);
  if (average_decay_ > 0.0) move_average(batch.task, position);
  return sums;
}

// The first steps' averages are short ones, or they would stay near the start, in the parts of
// tasks that are seldom drawn to the end.
void DataParallel::move_average(int task, const StepPosition& position) {
  const c10::InferenceMode inference_mode;
  const auto began = std::chrono::steady_clock::now();
  const auto share = [this](int64_t steps) {
    constexpr double kLength = 10.0;
    const auto t = static_cast<double>(steps);
    return 1.0 - std::min(average_decay_, (1.0 + t) / (kLength + t));
  };
  ParameterArena& arena = model_.arena();
  const ParameterTable& table = arena.table();
  if (table.shared_trains()) arena.move_average(table.range(kSharedOwner), share(position.step));
  arena.move_average(table.range(task), share(position.task_step));
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

at::Tensor DataParallel::compute_gradients(const TrainingBatch& batch, uint64_t seed,
                                           const StepPosition* position) {
  const c10::InferenceMode inference_mode;
  const auto began = std::chrono::steady_clock::now();
  {
    const BlockTimer timer(Block::kOptimizer);
    model_.arena().zero_gradients(batch.task);
  }
  const at::Tensor loss = run_share(batch, seed, position);
  at::Tensor sums =
      at::stack({loss, at::full_like(loss, world_.stop().stop_requested() ? 1.0 : 0.0)});
  world_.sum(sums);
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return sums;
}

at::Tensor DataParallel::wait_for(const std::vector<at::Tensor>& sums) {
  const auto began = std::chrono::steady_clock::now();
  at::Tensor here = at::stack(sums).cpu();
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return here;
}

void DataParallel::step(int task, const StepPosition& position) {
  if (std::exchange(stepped_, false)) return;
  const c10::InferenceMode inference_mode;
  const auto began = std::chrono::steady_clock::now();
  if (scaler_) scaler_->unscale(model_.arena(), task, world_);
  const at::Tensor* overflow = scaler_ ? &scaler_->overflow() : nullptr;
  if (sharded_) {
    sharded_->step(task, position, overflow);
  } else {
    optimizer_.step(model_.arena(), task, position, overflow);
  }
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

void DataParallel::share_state(std::optional<Json>& state) {
  share_arena(state);
  if (scaler_ && state && !state->value("loss_scaling", Json()).is_null()) {
    scaler_->from_json(state->at("loss_scaling"));
  }
}

Json DataParallel::scaler_state() const { return scaler_ ? scaler_->to_json() : Json(); }

void DataParallel::share_arena(std::optional<Json>& state) {
  if (world_.alone()) return;
  ParameterArena& arena = model_.arena();
  const std::string text = world_.broadcast(state ? state->dump() : "");
  world_.broadcast(arena.weights());
  if (arena.average().defined()) world_.broadcast(arena.average());
  arena.refresh_shadow();
  if (text.empty()) return;
  state = parse_json(text, "rank 0's checkpoint");
  if (sharded_) {
    sharded_->scatter_moments();
    sharded_->release_moments();
  } else {
    world_.broadcast(arena.first_moment());
    world_.broadcast(arena.second_moment());
  }
}

void DataParallel::gather_state() {
  if (world_.alone()) return;
  const at::Tensor weights = model_.arena().weights().cpu();
  world_.check_same("state of its weights (a fault of the machine?)",
                    content_hash_hex({static_cast<const char*>(weights.const_data_ptr()),
                                      static_cast<size_t>(weights.nbytes())}));
  if (sharded_) sharded_->gather_moments();
}

void DataParallel::release_state() {
  if (sharded_) sharded_->release_moments();
}

SpeedRecord DataParallel::speed(int64_t steps) const {
  Traffic traffic = reducer_.traffic();
  if (sharded_) {
    const Traffic& weights = sharded_->traffic();
    traffic.bytes += weights.bytes;
    traffic.seconds += weights.seconds;
    traffic.waited += weights.waited;
  }
  const auto count = static_cast<double>(std::max<int64_t>(1, steps));
  SpeedRecord record{.ranks = world_.size(), .steps = steps, .seconds_a_step = seconds_ / count};
  if (world_.alone()) return record;
  record.traffic = {.bytes_a_step = static_cast<double>(traffic.bytes) / count,
                    .communication_seconds_a_step = traffic.seconds / count,
                    .waited_seconds_a_step = traffic.waited / count,
                    .hidden = traffic.hidden()};
  return record;
}

std::string DataParallel::speed_text(int64_t steps) const {
  const SpeedRecord record = speed(steps);
  const TrafficRecord traffic = record.traffic.value_or(TrafficRecord());
  return concat(counted(world_.size(), "rank"), ": ", format_double(record.seconds_a_step, 3),
                " s a step; ", format_double(traffic.bytes_a_step * 1e-6, 2),
                " MB a step between ranks in ",
                format_double(traffic.communication_seconds_a_step, 3), " s, ",
                format_double(100.0 * traffic.hidden, 0), " % of it behind computation");
}

}  // namespace pals
