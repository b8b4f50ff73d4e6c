#include <utility>

#include "base/error.h"
#include "base/output_path.h"
#include "cli/commands.h"
#include "cli/input_flags.h"
#include "cli/option_flags.h"
#include "cli/shares.h"
#include "kernels/device.h"
#include "model/feature_model.h"
#include "model/model_runner.h"
#include "model/open.h"
#include "modules/precision_choice.h"
#include "predict/output.h"
#include "predict/run.h"
#include "predict/token_features.h"
#include "predict/vector_writer.h"
#include "predict/windows.h"
#include "settings/use_options.h"
#include "train/data_parallel.h"

namespace pals {
namespace {

// Batches of rows that are sorted by length together. The vectors of all tokens take much more
// memory than one vector a text.
constexpr int64_t kTokenWindowBatches = 4, kVectorWindowBatches = 64;

DeviceChoice device_of(const FeaturesOptions& o) {
  return o.no_cuda ? DeviceChoice{DeviceType::kCpu} : o.device;
}

FeatureModelOptions source_of(const FeaturesOptions& o, at::Device device) {
  report_device(device);
  return {.model = o.model,
          .init_checkpoint = o.init_checkpoint,
          .bert_config_file = o.bert_config_file,
          .vocab_file = o.vocab_file,
          .task = o.task,
          .do_lower_case = o.do_lower_case,
          .special_tokens_in_text = o.special_tokens_in_text,
          .precision = choose_precision(o.precision, device),
          .device = device};
}

void check_options(const FeaturesOptions& options, const FeatureModel& model) {
  check_length(options.max_seq_length, model.model->bert_config(), "--max_seq_length", model.where);
  if (!options.pooling && options.normalize) {
    fail_usage("--normalize needs --pooling: it is for one vector a text");
  }
  if (options.pooling == Pooling::kPooled && !model.has_pooler) {
    fail(model.where,
         ": no pooler in these weights (pooler.dense); take --pooling cls, mean or max");
  }
}

// The last four, as the reference, or as many as there are.
std::vector<int> choose_layers(const std::string& chosen, int num_layers) {
  if (!chosen.empty()) return parse_feature_layers(chosen, num_layers);
  std::vector<int> layers;
  for (int layer = -1; layer >= -4 && layer >= -num_layers; --layer) layers.push_back(layer);
  return layers;
}

VectorFormat format_of(const FeaturesOptions& options) {
  return options.format.value_or(vector_format_of(options.output));
}

// A model and what reads its input.
struct FeaturesRun {
  const FeaturesOptions& options;
  const FeatureModel& model;
  const std::string& output;
  const ModelRunner runner;
  RunOptions batches;
};

// The reference's file: every token's vectors in chosen layers.
void write_tokens(const FeaturesRun& run, WindowReader& reader) {
  const FeaturesOptions& options = run.options;
  if (format_of(options) != VectorFormat::kJsonl) {
    fail_usage("--pooling is missing: npy and safetensors hold one vector a text");
  }
  const auto num_layers = static_cast<int>(run.model.model->bert_config().num_hidden_layers);
  TokenFeatures features(run.model.tokenizer->vocabulary(),
                         choose_layers(options.layers, num_layers), num_layers,
                         run.runner.hidden_size());
  TextOutput output(run.output);
  while (const std::optional<EncodedRows> window = reader.next()) {
    const FeaturesPtr& rows = window->features.front();
    run_wanted(run.runner, run.model.task, rows, features.wanted(), run.batches,
               [&](const PackedBatch& batch, RunOutputs outputs) {
                 features.add(batch, std::move(outputs));
               });
    features.drain(*rows, window->first_row, [&](const std::string& line) { output.write(line); });
    output.flush();
  }
  output.finish();
}

void write_vectors(const FeaturesRun& run, WindowReader& reader) {
  const FeaturesOptions& options = run.options;
  const VectorOptions vectors{*options.pooling, options.normalize};
  const auto writer = make_vector_writer(format_of(options), run.output, run.runner.hidden_size());
  while (const std::optional<EncodedRows> window = reader.next()) {
    writer->write(window->first_row, run_vectors(run.runner, run.model.task,
                                                 window->features.front(), vectors, run.batches));
    writer->flush();
  }
  writer->finish();
}

void run_features(const FeaturesOptions& options, const World& world) {
  const Share share = choose_share(options.share, options.input, options.output, world);
  refuse_to_overwrite(options.input.input, options.output, "--output");
  set_threads(options.threads, world);
  const FeatureModel model = load_feature_model(source_of(options, world.device()));
  check_options(options, model);
  const bool tokens = !options.pooling;
  const FeaturesRun run{options,
                        model,
                        share.output,
                        ModelRunner(*model.model),
                        {.batch_size = options.batch_size, .stop = world.stop()}};
  WindowReader reader(open_text_input(options.input, LineRule::kBars, world.stop()),
                      *model.tokenizer, options.max_seq_length,
                      (tokens ? kTokenWindowBatches : kVectorWindowBatches) * options.batch_size,
                      {RowForm()}, world.stop(), {.shard = share.shard});
  if (tokens) {
    write_tokens(run, reader);
  } else {
    write_vectors(run, reader);
  }
  join_shares(share, options.output, world, [&](const std::vector<std::string>& parts) {
    join_vectors(format_of(options), parts, options.output, run.runner.hidden_size());
  });
}

}  // namespace

Command add_features_command(CLI::App& program) {
  auto options = std::make_shared<FeaturesOptions>();
  CLI::App* app = program.add_subcommand("features", "vectors of texts, or of their tokens");
  app->alias("extract");
  OptionList list = options_of(*options);
  add_options(*app, list);
  app->footer(
      "A line is a text, or a pair with ` ||| ` between. Without --pooling the output is the "
      "reference's: a JSON object a line with each token's vectors. More in docs/features.md.\n\n"
      "Examples:\n"
      "  echo 'It rains.' | pals features --model runs/glue/best --layers=-1\n"
      "  pals features --model runs/glue/best --task sts --pooling mean --normalize \\\n"
      "      --input texts.txt --output vectors.npy\n"
      "  pals extract --vocab_file vocab.txt --bert_config_file bert_config.json \\\n"
      "      --init_checkpoint pytorch_model.bin --input_file in.txt --output_file out.jsonl");
  return {app,
          [options](const std::stop_token& stop) {
            run_shared(options->share, device_of(*options), stop,
                       [&](const World& world) { run_features(*options, world); });
            return 0;
          },
          list};
}

}  // namespace pals
