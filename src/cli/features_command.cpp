#include <ATen/Parallel.h>

#include <algorithm>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/input_flags.h"
#include "cli/option_flags.h"
#include "data/loader.h"
#include "model/open.h"
#include "nn/device.h"
#include "predict/feature_model.h"
#include "predict/output.h"
#include "predict/pooling.h"
#include "predict/token_features.h"
#include "predict/vector_writer.h"
#include "predict/windows.h"
#include "settings/shared.h"
#include "train/setup.h"

namespace pals {
namespace {

// Batches of rows that are sorted by length together. The vectors of all tokens take much more
// memory than one vector a text.
constexpr int64_t kTokenWindowBatches = 4, kVectorWindowBatches = 64;

struct FeaturesOptions {
  FeatureModelOptions source;
  InputFlags input;
  std::string output, format, pooling, layers, precision = "fp32", device = "auto";
  int max_seq_length = 128;
  int64_t batch_size = 32;
  int threads = 0;
  bool normalize = false, no_cuda = false;
  int local_rank = -1;
};

void check_options(const FeaturesOptions& options, const FeatureModel& model) {
  check_length(options.max_seq_length, model.model->bert_config(), "--max_seq_length", model.where);
  if (options.pooling.empty() && options.normalize) {
    fail_usage("--normalize needs --pooling: it is for one vector a text");
  }
  if (options.pooling == "pooled" && !model.has_pooler) {
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

// The reference's file: every token's vectors in chosen layers.
void write_tokens(const FeaturesOptions& options, const FeatureModel& model, WindowReader& reader) {
  if (parse_vector_format(options.format, options.output) != VectorFormat::kJsonl) {
    fail_usage("--pooling is missing: npy and safetensors hold one vector a text");
  }
  const auto num_layers = static_cast<int>(model.model->bert_config().num_hidden_layers);
  TokenFeatures features(model.tokenizer->vocabulary(), choose_layers(options.layers, num_layers),
                         num_layers);
  TextOutput output(options.output);
  int64_t index = 0;
  while (const std::optional<Window> window = reader.next()) {
    const EvaluationLoader batches({{model.task, window->features.front()}}, options.batch_size);
    for (int64_t i = 0; i < batches.num_batches(); ++i) {
      const PackedBatch batch = batches.batch(i);
      features.add(batch, model.model->forward(batch, true));
    }
    features.drain(*window->features.front(), index,
                   [&](const std::string& line) { output.write(line); });
    output.flush();
    index += window->num_texts;
  }
  output.finish();
}

void write_vectors(const FeaturesOptions& options, const FeatureModel& model,
                   WindowReader& reader) {
  const Pooling pooling = parse_pooling(options.pooling);
  const int64_t width = model.model->bert_config().hidden_size;
  const auto writer = make_vector_writer(parse_vector_format(options.format, options.output),
                                         options.output, width);
  std::vector<float> rows;
  while (const std::optional<Window> window = reader.next()) {
    rows.resize(static_cast<size_t>(window->num_texts * width));
    const EvaluationLoader batches({{model.task, window->features.front()}}, options.batch_size);
    for (int64_t i = 0; i < batches.num_batches(); ++i) {
      const PackedBatch batch = batches.batch(i);
      const at::Tensor vectors =
          pool(batch, model.model->forward(batch, true), pooling, options.normalize);
      const float* from = vectors.const_data_ptr<float>();
      for (const int64_t row : batch.row_ids) {
        std::copy_n(from, width, rows.begin() + row * width);
        from += width;
      }
    }
    writer->write(rows);
    writer->flush();
  }
  writer->finish();
}

int run_features(const FeaturesOptions& options) {
  if (options.threads > 0) at::set_num_threads(options.threads);
  const FeatureModel model = load_feature_model(options.source);
  check_options(options, model);
  const bool tokens = options.pooling.empty();
  WindowReader reader(open_input(options.input, LineRule::kBars), *model.tokenizer,
                      options.max_seq_length,
                      (tokens ? kTokenWindowBatches : kVectorWindowBatches) * options.batch_size);
  if (tokens) {
    write_tokens(options, model, reader);
  } else {
    write_vectors(options, model, reader);
  }
  return 0;
}

void add_source_options(CLI::App& app, FeaturesOptions& o) {
  const char* group = "Model";
  app.add_option("--model", o.source.model, "a model folder, ours or as transformers writes it")
      ->group(group);
  app.add_option("--task", o.source.task, "with this task's adapter; default: the shared encoder")
      ->group(group);
  app.add_option("--init_checkpoint", o.source.init_checkpoint,
                 "instead of --model: a file of weights")
      ->group(group);
  app.add_option("--bert_config_file", o.source.bert_config_file, "its configuration")
      ->group(group);
  app.add_option("--vocab_file", o.source.vocab_file, "its vocabulary")->group(group);
  OptionList lower_case;
  lower_case.add(group, {lower_case_option(o.source.do_lower_case)});
  add_options(app, lower_case);
}

}  // namespace

Command add_features_command(CLI::App& program) {
  auto options = std::make_shared<FeaturesOptions>();
  CLI::App* app = program.add_subcommand("features", "vectors of texts, or of their tokens");
  app->alias("extract");
  add_source_options(*app, *options);
  add_input_flags(*app, options->input);
  app->add_option("--output,--output_file", options->output, "a file; default: standard output");
  app->add_option("--format", options->format,
                  "jsonl, npy or safetensors; default: by the ending of --output, else jsonl");
  app->add_option("--pooling", options->pooling,
                  "one vector a text: cls, mean, max or pooled; default: vectors of all tokens");
  app->add_flag("--normalize", options->normalize, "make the vectors of texts 1 long");
  app->add_option("--layers", options->layers,
                  "of the tokens' vectors: numbers with commas between, -1 is the last; "
                  "default: the last four");
  app->add_option("--max_seq_length", options->max_seq_length, "tokens of a text at most")
      ->check(CLI::Range(kMinSeqLength, 1 << 20));
  app->add_option("--batch_size", options->batch_size, "rows of a batch")
      ->check(CLI::Range(1, 1 << 16));
  app->add_option("--precision", options->precision,
                  "fp32, bf16, int8, on a GPU fp16 or tf32, or auto");
  app->add_option("--device", options->device, "cpu, cuda, cuda:N, or auto: a GPU if there is one");
  app->add_option("--threads", options->threads, "0: all cores")->check(CLI::Range(0, 1024));
  // As the reference has them; there is one process.
  app->add_flag("--no_cuda", options->no_cuda)->group("");
  app->add_option("--local_rank", options->local_rank)->group("");
  app->footer(
      "A line is a text, or a pair with ` ||| ` between. Without --pooling the output is the "
      "reference's: a JSON object a line with each token's vectors. More in docs/features.md.\n\n"
      "Examples:\n"
      "  echo 'It rains.' | pals features --model runs/glue/best --layers=-1\n"
      "  pals features --model runs/glue/best --task sts --pooling mean --normalize \\\n"
      "      --input texts.txt --output vectors.npy\n"
      "  pals extract --vocab_file vocab.txt --bert_config_file bert_config.json \\\n"
      "      --init_checkpoint pytorch_model.bin --input_file in.txt --output_file out.jsonl");
  return {app, [options] {
            const at::Device device = choose_device(options->no_cuda ? "cpu" : options->device);
            report_device(device);
            options->source.device = device;
            options->source.precision = parse_precision(options->precision, device);
            return run_features(*options);
          }};
}

}  // namespace pals
