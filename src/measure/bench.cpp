#include "measure/bench.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/host.h"
#include "base/progress.h"
#include "kernels/device.h"
#include "kernels/tensor_memory.h"
#include "measure/products.h"
#include "train/setup.h"

namespace pals {
namespace {

constexpr const char* kTrain = "train";
constexpr const char* kPredict = "predict, as it comes";
constexpr const char* kPredictSorted = "predict, sorted";

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2.0;
}

/// For a work that pays for all its pages, also for those that others before it have left.
MemoryProbe probe_memory() {
  release_tensor_memory();
  return {};
}

/// One work that takes turns with others.
struct Turn {
  BenchResult result;
  std::vector<BatchPlan> plans;
  std::function<void(const PackedBatch&)> run;
  bool replays = false;  ///< whether at::mm follows on the same shapes
  at::Device device = at::kCPU;
  std::vector<double> product_seconds;  ///< of each round
};

/// Times one batch of one turn, and adds it to the last round.
void take_turn(const std::vector<TaskRows>& rows, size_t batch, Turn& turn) {
  BenchResult& result = turn.result;
  start_profile();
  const auto start = std::chrono::steady_clock::now();
  std::optional<PackedBatch> packed;
  {
    const BlockTimer timer(Block::kData);
    packed = pack(rows, turn.plans[batch]);
  }
  turn.run(*packed);
  synchronize(turn.device);
  const auto end = std::chrono::steady_clock::now();
  ProfileTimes profile = stop_profile();
  result.seconds.back() += std::chrono::duration<double>(end - start).count();

  const bool first_round = result.seconds.size() == 1;
  if (first_round) {
    ++result.batches;
    result.tokens += packed->num_tokens();
  }
  if (turn.replays) {
    ProductReplay replay(profile.products, turn.device);
    if (first_round) {
      result.product_flops += replay.flops();
      replay.run();  // LibTorch prepares products of new shapes
    }
    turn.product_seconds.back() += replay.run();
  }
  profile.products.clear();
  result.profile += profile;
}

/// The works' results; batch by batch each work in its turn.
std::vector<BenchResult> run_turns(const std::vector<TaskRows>& rows, std::vector<Turn> turns,
                                   const BenchOptions& options) {
  const size_t batches = turns.front().plans.size();
  const BenchResult& first = turns.front().result;
  Progress progress(
      {.label = concat(first.work == kTrain ? "train, " : "predict, ", first.precision),
       .unit = "turns",
       .total = batches * turns.size() * static_cast<uint64_t>(options.rounds)});
  for (int round = 0; round < options.rounds; ++round) {
    for (Turn& turn : turns) {
      turn.result.seconds.push_back(0);
      turn.product_seconds.push_back(0);
    }
    for (size_t batch = 0; batch < batches; ++batch) {
      for (Turn& turn : turns) {
        if (options.stop.stop_requested()) fail("stopped");
        take_turn(rows, batch, turn);
        progress.advance();
      }
    }
  }
  std::vector<BenchResult> results;
  for (Turn& turn : turns) {
    if (turn.replays) turn.result.product_seconds = median(turn.product_seconds);
    for (const Turn& other : turns) {
      if (other.result.work != turn.result.against) continue;
      std::vector<double> ratios;
      for (size_t round = 0; round < other.result.seconds.size(); ++round) {
        ratios.push_back(other.result.seconds[round] / turn.result.seconds[round]);
      }
      turn.result.ratio = median(std::move(ratios));
    }
    results.push_back(turn.result);
  }
  return results;
}

/// The batch with the most tokens: what buffers must grow to.
PackedBatch longest_batch(const std::vector<TaskRows>& rows, const std::vector<BatchPlan>& plans) {
  PackedBatch longest;
  for (const BatchPlan& plan : plans) {
    PackedBatch batch = pack(rows, plan);
    if (batch.num_tokens() > longest.num_tokens()) longest = std::move(batch);
  }
  return longest;
}

BenchResult result_of(std::string work, const Precision& precision, std::string against = {}) {
  BenchResult result;
  result.work = std::move(work);
  result.precision = precision_name(precision);
  result.against = std::move(against);
  return result;
}

std::vector<BenchResult> measure_training(const BenchWork& work, const Precision& precision,
                                          const std::vector<BatchPlan>& plans,
                                          const BenchOptions& options) {
  const PackedBatch longest = longest_batch(work.rows, plans);
  std::vector<Turn> turns;
  for (const Frozen frozen : {Frozen::kNothing, Frozen::kWeights}) {
    Turn turn{.result = frozen == Frozen::kWeights ? result_of("train --freeze", precision, kTrain)
                                                   : result_of(kTrain, precision),
              .plans = plans,
              .replays = true,
              .device = work.model.device};
    const MemoryProbe memory = probe_memory();
    const auto side = std::make_shared<TrainingSide>(work.model, precision, frozen);
    int64_t step = TrainingSide::kFirstStep;
    side->step(longest, step++);
    turn.result.peak_bytes = memory.peak_bytes();
    turn.run = [side, step](const PackedBatch& batch) mutable { side->step(batch, step++); };
    turns.push_back(std::move(turn));
  }
  return run_turns(work.rows, std::move(turns), options);
}

std::vector<BenchResult> measure_prediction(const BenchWork& work, const Precision& precision,
                                            const std::vector<BatchPlan>& plans,
                                            const BenchOptions& options) {
  const auto num_tasks = static_cast<int>(work.rows.size());
  const auto stream = [&](bool sorted, int tasks) {
    return stream_plans(work.rows, plans, {options.batch_size, sorted, tasks});
  };
  std::vector<Turn> turns;
  const auto add = [&](BenchResult result, std::vector<BatchPlan> order,
                       const std::shared_ptr<const MultiTaskModel>& model, bool replays = false) {
    turns.push_back({std::move(result),
                     std::move(order),
                     [model](const PackedBatch& batch) { model->forward(batch); },
                     replays,
                     work.model.device,
                     {}});
  };

  const MemoryProbe memory = probe_memory();
  const auto model =
      std::make_shared<const MultiTaskModel>(make_prediction_model(work.model, precision));
  model->forward(longest_batch(work.rows, stream(true, 1)));
  const int64_t peak_bytes = memory.peak_bytes();
  add(result_of(kPredict, precision), stream(false, 1), model);
  add(result_of(kPredictSorted, precision, kPredict), stream(true, 1), model, true);
  for (Turn& turn : turns) turn.result.peak_bytes = peak_bytes;
  if (num_tasks > 1) {
    add(result_of(concat("predict, sorted, ", num_tasks, " tasks mixed"), precision,
                  kPredictSorted),
        stream(true, num_tasks), model);
  }
  const bool any = std::ranges::any_of(
      work.model.adapters, [](const AdapterConfig& adapter) { return adapter.kind != "none"; });
  if (any) {
    MeasuredModel plain = work.model;
    plain.adapters.assign(plain.heads.size(), resolve_adapter({}, plain.bert, "bench"));
    const auto without =
        std::make_shared<const MultiTaskModel>(make_prediction_model(plain, precision));
    without->forward(pack(work.rows, plans.front()));
    add(result_of(concat(kPredict, ", no adapters"), precision, kPredict), stream(false, 1),
        without);
    add(result_of(concat(kPredictSorted, ", no adapters"), precision, kPredictSorted),
        stream(true, 1), without);
  }
  return run_turns(work.rows, std::move(turns), options);
}

}  // namespace

double BenchResult::median_seconds() const { return median(seconds); }

std::vector<BenchResult> run_bench(const BenchWork& work, const BenchOptions& options) {
  if (options.rounds < 1) fail_usage(options.rounds, " rounds: at least 1 is needed");
  const std::vector<BatchPlan> plans =
      training_plans(work.rows, usual_draws(work.rows), options.batches, options.batch_size);
  std::vector<BenchResult> results;
  const auto take = [&](std::vector<BenchResult> more) {
    std::ranges::move(more, std::back_inserter(results));
  };
  for (const Precision& precision : options.precisions) {
    if (!precision.int8) take(measure_training(work, precision, plans, options));
    take(measure_prediction(work, precision, plans, options));
  }
  return results;
}

}  // namespace pals
