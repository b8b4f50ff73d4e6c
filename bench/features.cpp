// Times token features of BERT-base on real GLUE rows: `pals features`' way (packed, fp32 and bf16)
// against the reference's (fp32, eager operators, every row padded to 128 tokens), interleaved
// batch by batch in one process.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/host.h"
#include "base/json.h"
#include "base/log.h"
#include "base/table.h"
#include "base/text_util.h"
#include "kernels/operations.h"
#include "measure/batch_list.h"
#include "measure/training_side.h"
#include "peer_batches.h"
#include "step_report.h"

namespace pals::bench {
namespace {

constexpr uint64_t kSeed = 42;
constexpr size_t kWantedLayers = 4;  // the reference's default: -1,-2,-3,-4

/// --quick takes no further batch that would probably end later than this after the start.
constexpr double kQuickSeconds = 40.0;

using Clock = std::chrono::steady_clock;

struct Options {
  BatchListOptions list;
  int64_t layers = 12;
  int threads = 0;
  bool quick = false;
};

Options parse_options(int argc, char** argv) {
  Options options;
  CLI::App app("Timings of token features: packed, against rows padded to 128 as the reference's");
  app.add_option("--batches", options.list.batches, "batches of 32 rows (default 12; --quick: 4)")
      ->check(CLI::Range(1, 10000));
  app.add_option("--layers", options.layers, "encoder layers (default 12; --quick: 4)")
      ->check(CLI::Range(1, 48));
  app.add_option("--threads", options.threads, "threads (default: all cores)")
      ->check(CLI::Range(0, 1024));
  app.add_flag("--quick", options.quick, "4 layers and few batches: under a minute on two cores");
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
    if (app.count("--layers") == 0) options.layers = 4;
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

/// The last layers as fp32, which is what a feature file is written from; their mean square keeps
/// the contestants comparable.
double mean_square(const std::vector<at::Tensor>& layers) {
  double sum = 0.0;
  const size_t wanted = std::min(kWantedLayers, layers.size());
  for (size_t i = layers.size() - wanted; i < layers.size(); ++i) {
    sum += layers[i].to(at::kFloat).square().mean().item<double>();
  }
  return sum / static_cast<double>(wanted);
}

EagerPeer make_peer(const BatchList& list, const Options& options) {
  EagerConfig config;
  config.vocab_size = list.vocab_size;
  config.num_hidden_layers = options.layers;
  config.adapter_size = 0;
  config.task_outputs = list.task_outputs;
  return {config, kSeed};
}

MultiTaskModel make_model(const BatchList& list, const Options& options, at::ScalarType type) {
  MeasuredModel model;
  model.bert.vocab_size = list.vocab_size;
  model.bert.num_hidden_layers = options.layers;
  model.heads = heads_of(list.rows);
  model.adapters.assign(model.heads.size(), resolve_adapter({}, model.bert, "features"));
  return make_prediction_model(model, type);
}

/// The three on every batch, the order rotating; each first does one batch untimed.
std::vector<StepTiming> run_batches(const BatchList& list, const Options& options) {
  const Clock::time_point start = Clock::now();
  const auto seconds_since = [](Clock::time_point from) {
    return std::chrono::duration<double>(Clock::now() - from).count();
  };
  const EagerPeer peer = make_peer(list, options);
  const MultiTaskModel fp32 = make_model(list, options, at::kFloat);
  const MultiTaskModel bf16 = make_model(list, options, at::kBFloat16);
  const auto run = [&](size_t contestant, const PackedBatch& batch) {
    if (contestant != kEager) {
      const MultiTaskModel& model = contestant == kOursFp32 ? fp32 : bf16;
      return mean_square(model.forward(batch, true).encoder_layers);
    }
    const at::NoGradGuard no_grad;
    const int64_t outputs = list.task_outputs.at(static_cast<size_t>(batch.segments[0].task));
    const PaddedBatch padded = pad(batch, options.list.max_seq_length, outputs == 1);
    return mean_square(peer.forward(padded, false).encoder_layers);
  };

  for (size_t contestant = 0; contestant < kContestants; ++contestant) {
    run(contestant, list.batches.front());
  }
  std::vector<StepTiming> timings;
  for (size_t index = 0; index < list.batches.size(); ++index) {
    const PackedBatch& batch = list.batches[index];
    StepTiming timing;
    timing.task = list.task_names.at(static_cast<size_t>(batch.segments[0].task));
    timing.tokens = batch.num_tokens();
    for (size_t turn = 0; turn < kContestants; ++turn) {
      const size_t contestant = (index + turn) % kContestants;
      const Clock::time_point begin = Clock::now();
      timing.losses[contestant] = run(contestant, batch);
      timing.seconds[contestant] = seconds_since(begin);
    }
    timings.push_back(timing);
    log_info(index + 1, "/", list.batches.size(), " ", timing.task, ", ", timing.tokens, " tokens");
    const double turn_seconds = std::accumulate(timing.seconds.begin(), timing.seconds.end(), 0.0);
    if (options.quick && seconds_since(start) + turn_seconds > kQuickSeconds) break;
  }
  return timings;
}

void report(const std::vector<StepTiming>& timings, const Options& options) {
  Table table({"way", "rows/s", "tokens/s", "ratio", "quartiles of ratios"});
  OrderedJson json;
  const double rows =
      static_cast<double>(timings.size()) * static_cast<double>(options.list.batch_size);
  double tokens = 0.0;
  for (const StepTiming& timing : timings) tokens += static_cast<double>(timing.tokens);
  OrderedJson speed = OrderedJson::object();
  for (size_t contestant = 0; contestant < kContestants; ++contestant) {
    double seconds = 0.0;
    for (const StepTiming& timing : timings) seconds += timing.seconds[contestant];
    const double ratio = time_ratio(timings, contestant);
    const Quartiles spread = ratio_spread(timings, contestant);
    const std::string name = contestant_name(contestant);
    table.add_row({name, format_double(rows / seconds, 1), format_double(tokens / seconds, 0),
                   format_double(ratio, 2),
                   concat(format_double(spread.low, 2), " ", format_double(spread.median, 2), " ",
                          format_double(spread.high, 2))});
    if (contestant != kEager) json["ratio_" + name] = ratio;
    speed[name] = rows / seconds;
  }
  json["rows_per_second"] = speed;
  json["batches"] = timings.size();
  json["batch_size"] = options.list.batch_size;
  json["padded_to"] = options.list.max_seq_length;
  json["tokens_per_row"] = tokens / rows;
  json["layers"] = options.layers;
  json["threads"] = options.threads;
  json["isa"] = matrix_isa();
  json["kernels"] = cpu_isa();
  json["cpu"] = cpu_name();
  std::cout << table.text() << json_text(json, -1) << std::endl;
}

}  // namespace
}  // namespace pals::bench

int main(int argc, char** argv) {
  try {
    const pals::bench::Options options = pals::bench::parse_options(argc, argv);
    at::set_num_threads(options.threads);
    pals::BatchList list = pals::make_batch_list(options.list);
    if (options.quick) pals::put_typical_batches_first(list);
    pals::bench::report(pals::bench::run_batches(list, options), options);
    return 0;
  } catch (const pals::UsageError& error) {
    std::cerr << "features: " << error.what() << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "features: " << error.what() << "\n";
    return 1;
  }
}
