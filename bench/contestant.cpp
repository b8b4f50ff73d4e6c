// One side of a comparison, as bench/compare.py calls it: the fixed list of real GLUE batches, a
// turn at a time. `contestant WORK --help` says what a turn is.
//
// Protocol of `train` and `predict`: once ready (model built, the longest batch done once) a line
// of JSON with "ready"; then for each line on standard input one turn and a line of JSON with
// "seconds" and "tokens"; the end of the input ends the program.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "adapters/reference_keys.h"
#include "base/allocation.h"
#include "base/error.h"
#include "base/file.h"
#include "base/host.h"
#include "base/json.h"
#include "base/text_util.h"
#include "data/feature_store.h"
#include "eager_peer.h"
#include "kernels/device.h"
#include "kernels/operations.h"
#include "kernels/profile.h"
#include "kernels/tensor_memory.h"
#include "measure/batch_list.h"
#include "measure/products.h"
#include "measure/training_side.h"
#include "model/sources.h"
#include "model/tokenizer_files.h"
#include "modules/precision_choice.h"
#include "options/option.h"
#include "peer_batches.h"
#include "tasks/glue.h"
#include "train/setup.h"

namespace pals::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  BatchListOptions list;
  std::string model, adapter = "none", side = "ours", order = "unsorted";
  std::string output, cache_dir;
  int64_t layers = 0;
  int tasks = 1;
  bool freeze = false, freeze_all = false, products = false;
  std::string precision_text = "fp32", device_text = "cpu";
  PrecisionChoice precision = PrecisionChoice::kFloat;
  at::Device device = at::kCPU;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void print(const OrderedJson& json) { std::cout << json_text(json, -1) << std::endl; }

Frozen frozen_part(const Options& options) {
  if (options.freeze_all) return Frozen::kAll;
  return options.freeze ? Frozen::kWeights : Frozen::kNothing;
}

/// BERT-base, or the sizes of --model, with the adapter that --adapter names.
MeasuredModel measured_model(const Options& options, const BatchList& list) {
  MeasuredModel model;
  if (!options.model.empty()) {
    const std::string config = find_checkpoint_sources(options.model, "", "", "--model").config;
    model.bert = parse_bert_config(read_json(config), config, reference_adapter_keys());
  }
  model.bert.vocab_size = std::max(model.bert.vocab_size, list.vocab_size);
  if (options.layers > 0) model.bert.num_hidden_layers = options.layers;
  model.heads = heads_of(list.rows);
  model.adapters.assign(model.heads.size(), resolve_adapter({.kind = options.adapter}, model.bert,
                                                            "--adapter " + options.adapter));
  model.device = options.device;
  return model;
}

/// Answers each line of the input with one turn, at whose end the device is waited for; `facts`
/// stand in the first line.
void answer(const Options& options, int64_t tokens, const std::function<void()>& turn,
            const OrderedJson& facts = OrderedJson::object()) {
  OrderedJson ready = {{"ready", true},
                       {"peak_rss_bytes", peak_rss_bytes()},
                       {"isa", matrix_isa()},
                       {"kernels", cpu_isa()},
                       {"cpu", cpu_name()},
                       {"threads", at::get_num_threads()},
                       {"device", device_name(options.device)}};
  ready.update(facts);
  print(ready);
  std::string line;
  while (std::getline(std::cin, line)) {
    const Clock::time_point start = Clock::now();
    turn();
    synchronize(options.device);
    print({{"seconds", seconds_since(start)},
           {"tokens", tokens},
           {"peak_rss_bytes", peak_rss_bytes()}});
  }
}

/// The operations of a turn's matrix products, which `turn` does call by call, and how many a large
/// product does in a second.
OrderedJson product_facts(const Options& options, const Precision& precision,
                          const std::function<void()>& turn) {
  if (!options.products) return OrderedJson::object();
  start_profile();
  turn();
  double operations = 0.0;
  for (const Product& product : stop_profile().products) operations += product.flops();
  return {{"operations", operations},
          {"operations_per_second", large_product_speed(precision.type, options.device)}};
}

int64_t total_tokens(const BatchList& list) {
  int64_t tokens = 0;
  for (const PackedBatch& batch : list.batches) tokens += batch.num_tokens();
  return tokens;
}

size_t longest_batch(const BatchList& list) {
  const auto longest = std::ranges::max_element(list.batches, {}, &PackedBatch::num_tokens);
  return static_cast<size_t>(longest - list.batches.begin());
}

/// A turn is a training step on every batch of the list.
void train_eager(const Options& options, const BatchList& list) {
  EagerConfig config;
  config.vocab_size = list.vocab_size;
  if (options.layers > 0) config.num_hidden_layers = options.layers;
  if (options.adapter != "pals" && options.adapter != "none") {
    fail_usage("--side eager: --adapter ", options.adapter, ", expected pals or none");
  }
  if (options.precision != PrecisionChoice::kFloat || !options.model.empty()) {
    fail_usage("--side eager is BERT-base in fp32: no --precision or --model beside it");
  }
  if (options.adapter == "none") config.adapter_size = 0;
  config.task_outputs = list.task_outputs;
  const EagerPeer model(config, 42);
  EagerBertAdam optimizer(model.parameters());
  int64_t step = TrainingSide::kFirstStep;
  const auto run = [&](const PackedBatch& batch) {
    const int64_t outputs = list.task_outputs.at(static_cast<size_t>(batch.segments[0].task));
    eager_train_step(model, optimizer, pad(batch, options.list.max_seq_length, outputs == 1),
                     TrainingSide::learning_rate(step++));
  };
  run(list.batches[longest_batch(list)]);
  answer(options, total_tokens(list), [&] { std::ranges::for_each(list.batches, run); });
}

void train_ours(const Options& options, const BatchList& list) {
  const Precision precision = choose_training_precision(options.precision, options.device);
  TrainingSide side(measured_model(options, list), precision, frozen_part(options));
  int64_t step = TrainingSide::kFirstStep;
  const auto run = [&](const BatchPlan& plan) { side.step(pack(list.rows, plan), step++); };
  const auto turn = [&] { std::ranges::for_each(list.plans, run); };
  run(list.plans[longest_batch(list)]);
  side.set_recording(false);
  const OrderedJson facts = product_facts(options, precision, turn);
  side.set_recording(true);
  // A device records a size of batch when it comes for the second time.
  for (int time = 0; time < 2 && !options.device.is_cpu(); ++time) turn();
  answer(options, total_tokens(list), turn, facts);
}

/// A turn is all rows of the list, in a stream, for --tasks tasks.
void predict(const Options& options, const BatchList& list) {
  const Precision precision = choose_precision(options.precision, options.device);
  const MultiTaskModel model = make_prediction_model(measured_model(options, list), precision);
  const std::vector<BatchPlan> stream = stream_plans(
      list.rows, list.plans, {options.list.batch_size, options.order == "sorted", options.tasks});
  const auto run = [&](const BatchPlan& plan) { model.forward(pack(list.rows, plan)); };
  const auto turn = [&] { std::ranges::for_each(stream, run); };
  turn();
  answer(options, total_tokens(list), turn, product_facts(options, precision, turn));
}

/// The list's rows for other programs: batches as `train` takes them, and the order of `predict`.
void write_rows(const Options& options, const BatchList& list) {
  const auto rows_json = [&](const std::vector<BatchPlan>& plans) {
    OrderedJson batches = OrderedJson::array();
    for (const BatchPlan& plan : plans) {
      OrderedJson rows = OrderedJson::array();
      for (const BatchItem& item : plan) {
        const FeatureSet& features = list.rows[static_cast<size_t>(item.source)].features;
        const auto r = static_cast<size_t>(item.example);
        const auto begin = features.token_ids.begin() + features.row_offsets[r];
        rows.push_back(
            {{"task", item.task},
             {"ids", std::vector<int32_t>(begin, begin + features.row_length(item.example))},
             {"first_length", features.first_lengths[r]},
             {"label", static_cast<int64_t>(features.targets_of(item.example).front())},
             {"value", features.targets_of(item.example).front()}});
      }
      batches.push_back(std::move(rows));
    }
    return batches;
  };
  const OrderedJson json = {
      {"vocab_size", list.vocab_size},
      {"task_names", list.task_names},
      {"task_outputs", list.task_outputs},
      {"tokens", total_tokens(list)},
      {"batches", rows_json(list.plans)},
      {"stream", rows_json(stream_plans(list.rows, list.plans, {options.list.batch_size}))}};
  write_file_atomically(options.output, json_text(json, -1) + "\n");
}

/// All training rows of the eight tasks, as `pals train` makes them ready: seconds and memory.
void load_data(const Options& options) {
  const Clock::time_point start = Clock::now();
  const Tokenizer tokenizer = open_tokenizer({.vocabulary = options.list.vocab_file});
  std::vector<FeatureJob> jobs;
  for (size_t i = 0; i < kReferenceTasks; ++i) {
    const Task& task = glue_tasks()[i];
    jobs.push_back({task, *find_file(task, "train"), options.list.data_dir});
  }
  const FeatureStore store(std::move(jobs), tokenizer, options.list.max_seq_length,
                           options.cache_dir, options.list.threads);
  int64_t rows = 0, tokens = 0;
  std::vector<FeaturesPtr> features;  // held, as the training loader holds them
  for (int64_t job = 0; job < store.num_jobs(); ++job) {
    features.push_back(store.features(job).get());
    rows += features.back()->num_rows();
    tokens += features.back()->num_tokens();
  }
  print({{"seconds", seconds_since(start)},
         {"rows", rows},
         {"tokens", tokens},
         {"peak_rss_bytes", peak_rss_bytes()},
         {"cpu", cpu_name()}});
}

CLI::App* add_work(CLI::App& app, const char* name, const char* description, Options& options) {
  CLI::App* work = app.add_subcommand(name, description);
  work->add_option("--data_dir", options.list.data_dir, "GLUE (default: PALS_GLUE_DIR)");
  work->add_option("--vocab_file", options.list.vocab_file, "uncased vocabulary");
  work->add_option("--threads", options.list.threads, "default: all cores");
  work->add_option("--max_seq_length", options.list.max_seq_length, "default: 128");
  return work;
}

void add_list(CLI::App& work, Options& options) {
  work.add_option("--batches", options.list.batches, "of the list (default 12)");
  work.add_option("--batch_size", options.list.batch_size, "rows of a batch (default 32)");
}

void add_model(CLI::App& work, Options& options) {
  work.add_option("--model", options.model, "take the sizes of this folder, not BERT-base's");
  work.add_option("--layers", options.layers, "so many layers");
  work.add_option("--adapter", options.adapter, "of `pals train` (default: none)");
  work.add_option("--precision", options.precision_text, "fp32 (default) or bf16");
  work.add_option("--device", options.device_text, "cpu (default), cuda, cuda:N or auto");
  work.add_flag("--products", options.products,
                "count the products' operations, and time a large one");
}

void run(const CLI::App& app, Options& options) {
  if (options.list.data_dir.empty()) options.list.data_dir = default_data_dir();
  if (options.list.vocab_file.empty()) options.list.vocab_file = default_vocab_file();
  if (options.list.threads > 0) at::set_num_threads(options.list.threads);
  if (options.side != "eager") {  // as the program does
    keep_freed_pages();
    keep_tensor_memory();
  }
  if (app.got_subcommand("data")) return load_data(options);
  options.precision = read_option<PrecisionChoice>("precision", options.precision_text);
  options.device = choose_device(read_option<DeviceChoice>("device", options.device_text));
  if (options.side == "eager" && !options.device.is_cpu()) {
    fail_usage("--side eager computes on the CPU only");
  }
  const BatchList list = make_batch_list(options.list);
  if (app.got_subcommand("rows")) return write_rows(options, list);
  if (app.got_subcommand("predict")) return predict(options, list);
  (options.side == "eager" ? train_eager : train_ours)(options, list);
}

}  // namespace
}  // namespace pals::bench

int main(int argc, char** argv) {
  using pals::bench::Options;
  Options options;
  CLI::App app("One side of a comparison; bench/compare.py calls it");
  app.require_subcommand(1);
  CLI::App* train = pals::bench::add_work(app, "train", "training steps on the list", options);
  CLI::App* predict = pals::bench::add_work(app, "predict", "the list's rows in a stream", options);
  CLI::App* rows = pals::bench::add_work(app, "rows", "write the list for other programs", options);
  CLI::App* data = pals::bench::add_work(app, "data", "make GLUE's training rows ready", options);
  for (CLI::App* work : {train, predict}) pals::bench::add_model(*work, options);
  for (CLI::App* work : {train, predict, rows}) pals::bench::add_list(*work, options);
  train->add_option("--side", options.side, "ours (default) or eager")
      ->check(CLI::IsMember({"ours", "eager"}));
  train->add_flag("--freeze", options.freeze, "the shared part stands still but for LayerNorms");
  train->add_flag("--freeze_all", options.freeze_all, "the shared part stands still");
  predict->add_option("--order", options.order, "unsorted (default) or sorted")
      ->check(CLI::IsMember({"unsorted", "sorted"}));
  predict->add_option("--tasks", options.tasks, "mixed in a batch (default 1)")
      ->check(CLI::Range(1, 8));
  rows->add_option("--output", options.output, "the file")->required();
  data->add_option("--cache_dir", options.cache_dir, "of features (default: none)");
  try {
    app.parse(argc, argv);
    pals::bench::run(app, options);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const pals::UsageError& error) {
    std::cerr << "contestant: " << error.what() << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "contestant: " << error.what() << "\n";
    return 1;
  }
}
