#include <ATen/Parallel.h>

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/one_line.h"
#include "base/output_path.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/input_flags.h"
#include "cli/option_flags.h"
#include "cli/shares.h"
#include "kernels/device.h"
#include "model/model_runner.h"
#include "model/open.h"
#include "modules/precision_choice.h"
#include "predict/label_rules.h"
#include "predict/output.h"
#include "predict/predictor.h"
#include "predict/render.h"
#include "predict/windows.h"
#include "settings/use_options.h"
#include "train/data_parallel.h"

namespace pals {
namespace {

constexpr int64_t kWindowBatches = 64;  // batches of rows that are sorted by length together

constexpr size_t kMostCharacters = 290;  // of a warning

AnswerOptions answer_options(const PredictOptions& options, bool ids) {
  if (options.json && options.format == AnswerFormat::kCsv) {
    fail_usage("--json and --format csv contradict each other; leave one of them out");
  }
  return {.format = options.json ? AnswerFormat::kJsonl : options.format,
          .ids = ids,
          .errors = options.on_error == OnError::kEmit,
          .labels = {.threshold = options.threshold, .top_k = options.top_k}};
}

// Writes the answers to a window's rows, each in its place.
class AnswerWriter {
 public:
  AnswerWriter(const Predictor& predictor, const PredictOptions& options, AnswerLines lines,
               const std::string& path)
      : predictor_(predictor), options_(options), lines_(std::move(lines)), output_(path) {}

  void write_header() { output_.write(lines_.header()); }

  void write(const EncodedRows& window) {
    std::vector<Prediction> predictions;
    if (window.num_texts > 0) predictions = predictor_.predict(window);
    const size_t tasks = predictor_.tasks().size();
    if (options_.threshold) {
      for (size_t i = 0; i < predictions.size(); ++i) {
        apply_threshold(*predictor_.tasks()[i % tasks], *options_.threshold, predictions[i]);
      }
    }
    auto bad = window.bad.begin();
    for (size_t text = 0; text <= window.ids.size(); ++text) {
      for (; bad != window.bad.end() && bad->place == static_cast<int64_t>(text); ++bad) {
        write_bad(*bad);
      }
      if (text == window.ids.size()) break;
      output_.write(lines_.line(window.ids[text], &predictions[text * tasks]));
    }
    rows_ += window.num_texts + static_cast<int64_t>(window.bad.size());
    output_.flush();
  }

  void finish() {
    output_.finish();
    if (bad_rows_ == 0) return;
    const char* become =
        options_.on_error == OnError::kEmit ? "with an error in the place of each" : "left out";
    log_warning(one_line(concat(bad_rows_, " of ", counted(rows_, "row"), " could not be read, ",
                                become, "; the first: ", first_error_),
                         kMostCharacters));
  }

 private:
  void write_bad(const BadRow& row) {
    if (bad_rows_++ == 0) first_error_ = row.error;
    if (options_.on_error == OnError::kEmit) output_.write(lines_.error_line(row));
  }

  const Predictor& predictor_;
  const PredictOptions& options_;
  AnswerLines lines_;
  TextOutput output_;
  int64_t rows_ = 0, bad_rows_ = 0;
  std::string first_error_;
};

void run_predict(const PredictOptions& options, const World& world) {
  const Share share = choose_share(options.share, options.input, options.output, world);
  refuse_to_overwrite(options.input.input, options.output, "--output");
  set_threads(options.threads, world);
  const at::Device device = world.device();
  report_device(device);
  const LoadedModel loaded =
      load_model_folder(options.model, choose_precision(options.precision, device), device);
  const ModelRunner runner(*loaded.model);
  const PredictingModel model = predicting_model(loaded, runner);
  TaskInput asked = open_task_input(options.input, model.tasks, options.tasks, world.stop());
  const Predictor predictor(
      model, asked.tasks,
      {.batch_size = options.batch_size, .threads = at::get_num_threads(), .stop = world.stop()});
  AnswerLines lines(predictor.tasks(), answer_options(options, asked.input->has_ids()));
  WindowReader reader(std::move(asked.input), model.rules.tokenizer, model.rules.max_seq_length,
                      kWindowBatches * options.batch_size, predictor.forms(), world.stop(),
                      {.shard = share.shard, .keep_bad = options.on_error != OnError::kStop});
  AnswerWriter writer(predictor, options, std::move(lines), share.output);
  if (share.shard.first()) writer.write_header();
  while (const std::optional<EncodedRows> window = reader.next()) writer.write(*window);
  writer.finish();
  join_shares(share, options.output, world,
              [&](const std::vector<std::string>& parts) { join_texts(parts, options.output); });
}

}  // namespace

Command add_predict_command(CLI::App& program) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* app = program.add_subcommand(
      "predict", "label texts, answer questions and choose, from a file or standard input");
  OptionList list = options_of(*options);
  add_options(*app, list);
  app->footer(
      "A line is a text, or a pair with a tab between; a question and its context for a span task; "
      "a context and the choices for multiple choice. Output, a line each in the order of the "
      "input: label and probability, or value, or answer, probability and score, or choice and "
      "probability; with several tasks these columns for each, named in a first line. More in "
      "docs/predict.md.\n\nExamples:\n"
      "  echo 'a moving, funny film' | pals predict --model runs/three/best --task sst\n"
      "  pals predict --model runs/three/best --task rte --json < pairs.tsv\n"
      "  pals predict --model runs/glue/best --tasks all --input texts.txt --output labels.tsv\n"
      "  pals predict --model runs/mine/best --task reviews --input reviews.csv --text_a text\n"
      "  pals predict --model runs/squad/best --input squad/dev-v1.1.json --json\n"
      "  pals predict --model runs/three/best --task sst --text 'a moving, funny film' --top_k 2\n"
      "  mpirun -np 4 pals predict --model runs/three/best --task sst --input texts.txt \\\n"
      "      --output labels.tsv --on_error emit");
  return {app,
          [options](const std::stop_token& stop) {
            run_shared(options->share, options->device, stop,
                       [&](const World& world) { run_predict(*options, world); });
            return 0;
          },
          list};
}

}  // namespace pals
