// Times one training step of BERT-base with PALs(204): ours in fp32 and bf16 against the eager
// peer, interleaved batch by batch in one process, on a fixed list of real GLUE batches.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/host.h"
#include "base/log.h"
#include "base/text_util.h"
#include "eager_peer.h"
#include "measure/batch_list.h"
#include "measure/training_side.h"
#include "peer_batches.h"
#include "step_report.h"

namespace pals::bench {
namespace {

constexpr int64_t kAdapterSize = 204;
constexpr uint64_t kSeed = 42;

/// --quick takes no further batch that would probably end later than this after the start.
constexpr double kQuickSeconds = 50.0;

using Clock = std::chrono::steady_clock;

struct Options {
  BatchListOptions list;
  int64_t layers = 12;
  int threads = 0;
  bool quick = false;
};

Options parse_options(int argc, char** argv) {
  Options options;
  CLI::App app("Training-step timings: ours in fp32 and bf16 against eager PyTorch operators");
  app.add_option("--batches", options.list.batches, "batches to time (default 12; --quick: 4)")
      ->check(CLI::Range(1, 10000));
  app.add_option("--layers", options.layers, "encoder layers (default 12; --quick: 3)")
      ->check(CLI::Range(1, 48));
  app.add_option("--threads", options.threads, "threads (default: all cores)")
      ->check(CLI::Range(0, 1024));
  app.add_flag("--quick", options.quick, "3 layers and few batches: under a minute on two cores");
  app.add_option("--data_dir,--data-dir", options.list.data_dir,
                 "GLUE's folder (default: PALS_GLUE_DIR)");
  app.add_option("--vocab_file,--vocab-file", options.list.vocab_file,
                 "uncased vocabulary (default: PALS_VOCAB_FILE, or the cached MiniLM's)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    std::exit(code == 0 ? 0 : 2);
  }
  if (options.quick) {
    if (app.count("--layers") == 0) options.layers = 3;
    if (app.count("--batches") == 0) options.list.batches = 4;
  }
  if (options.threads == 0) {
    options.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  }
  options.list.threads = options.threads;
  if (options.list.data_dir.empty()) options.list.data_dir = default_data_dir();
  if (options.list.vocab_file.empty()) options.list.vocab_file = default_vocab_file();
  return options;
}

/// The eager peer with its optimizer.
class EagerSide {
 public:
  EagerSide(const BatchList& list, const Options& options)
      : model_(config(list, options.layers), kSeed), optimizer_(model_.parameters()) {
    for (const PackedBatch& batch : list.batches) {
      const int64_t outputs = list.task_outputs.at(static_cast<size_t>(batch.segments[0].task));
      batches_.push_back(pad(batch, options.list.max_seq_length, outputs == 1));
    }
  }

  double step(size_t index, int64_t step) {
    return eager_train_step(model_, optimizer_, batches_[index], TrainingSide::learning_rate(step));
  }

 private:
  static EagerConfig config(const BatchList& list, int64_t layers) {
    EagerConfig config;
    config.vocab_size = list.vocab_size;
    config.num_hidden_layers = layers;
    config.adapter_size = kAdapterSize;
    config.task_outputs = list.task_outputs;
    return config;
  }

  EagerPeer model_;
  EagerBertAdam optimizer_;
  std::vector<PaddedBatch> batches_;
};

/// BERT-base with PALs, of as many layers as asked for.
MeasuredModel our_model(const BatchList& list, int64_t layers) {
  MeasuredModel model;
  model.bert.vocab_size = list.vocab_size;
  model.bert.num_hidden_layers = layers;
  model.heads = heads_of(list.rows);
  model.adapters.assign(model.heads.size(), resolve_adapter({.kind = "pals", .size = kAdapterSize},
                                                            model.bert, "train_step"));
  return model;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Seconds that `step` takes, and the loss it returns.
template <typename Step>
double timed(Step&& step, double& loss) {
  const Clock::time_point start = Clock::now();
  loss = step();
  return seconds_since(start);
}

/// Every contestant on every batch, the order rotating. All of them first do the longest batch
/// once, untimed, so that buffers have grown.
std::vector<StepTiming> run_steps(const BatchList& list, const Options& options,
                                  Clock::time_point start) {
  EagerSide eager(list, options);
  const MeasuredModel model = our_model(list, options.layers);
  TrainingSide fp32(model, at::kFloat);
  TrainingSide bf16(model, at::kBFloat16);
  std::array<int64_t, kContestants> steps{};
  const auto run = [&](size_t contestant, size_t batch) {
    const int64_t step = TrainingSide::kFirstStep + steps.at(contestant)++;
    if (contestant == kEager) return eager.step(batch, step);
    return (contestant == kOursFp32 ? fp32 : bf16).step(list.batches[batch], step).item<double>();
  };

  const auto longest = std::max_element(
      list.batches.begin(), list.batches.end(),
      [](const PackedBatch& a, const PackedBatch& b) { return a.num_tokens() < b.num_tokens(); });
  for (size_t contestant = 0; contestant < kContestants; ++contestant) {
    run(contestant, static_cast<size_t>(longest - list.batches.begin()));
  }

  std::vector<StepTiming> timings;
  for (size_t batch = 0; batch < list.batches.size(); ++batch) {
    StepTiming timing;
    timing.task = list.task_names.at(static_cast<size_t>(list.batches[batch].segments[0].task));
    timing.tokens = list.batches[batch].num_tokens();
    for (size_t turn = 0; turn < kContestants; ++turn) {
      const size_t contestant = (batch + turn) % kContestants;
      timing.seconds[contestant] =
          timed([&] { return run(contestant, batch); }, timing.losses[contestant]);
    }
    log_info(batch + 1, "/", list.batches.size(), " ", timing.task, ", ", timing.tokens,
             " tokens: eager ", format_double(timing.seconds[kEager], 2), " s, fp32 ",
             format_double(timing.seconds[kOursFp32], 2), " s, bf16 ",
             format_double(timing.seconds[kOursBf16], 2), " s");
    timings.push_back(timing);
    const double turn_seconds = std::accumulate(timing.seconds.begin(), timing.seconds.end(), 0.0);
    const bool more = batch + 1 < list.batches.size();
    if (more && options.quick && seconds_since(start) + turn_seconds > kQuickSeconds) {
      log_info("--quick: stopping here, this machine is slow or busy");
      break;
    }
  }
  return timings;
}

void compare(const Options& options) {
  const Clock::time_point start = Clock::now();
  at::set_num_threads(options.threads);
  BatchList list = make_batch_list(options.list);
  if (options.quick) put_typical_batches_first(list);
  StepSettings settings;
  settings.isa = matrix_isa();
  settings.kernels = cpu_isa();
  settings.cpu = cpu_name();
  settings.threads = options.threads;
  settings.layers = options.layers;
  settings.batch_size = options.list.batch_size;
  settings.max_seq_length = options.list.max_seq_length;
  settings.schedule_tokens_per_batch = list.schedule_tokens_per_batch;
  std::cout << settings.cpu << ", " << settings.isa << ", " << settings.threads << " threads; "
            << settings.layers << " layers, " << list.batches.size() << " batches of "
            << settings.batch_size << " rows, " << format_double(list.tokens_per_batch, 0)
            << " tokens each (the whole schedule: "
            << format_double(list.schedule_tokens_per_batch, 0) << ")" << std::endl;
  const std::vector<StepTiming> timings = run_steps(list, options, start);
  settings.peak_rss_bytes = peak_rss_bytes();
  std::cout << step_table(timings) << step_json(timings, settings) << std::endl;
}

}  // namespace
}  // namespace pals::bench

int main(int argc, char** argv) {
  try {
    pals::bench::compare(pals::bench::parse_options(argc, argv));
    return 0;
  } catch (const pals::UsageError& error) {
    std::cerr << "train_step: " << error.what() << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "train_step: " << error.what() << "\n";
    return 1;
  }
}
