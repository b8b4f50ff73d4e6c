#include <utility>

#include "base/error.h"
#include "base/output_path.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/input_flags.h"
#include "cli/option_flags.h"
#include "model/model_runner.h"
#include "model/open.h"
#include "nn/device.h"
#include "nn/precision_choice.h"
#include "nn/threads.h"
#include "predict/output.h"
#include "predict/predictor.h"
#include "predict/render.h"
#include "predict/windows.h"
#include "settings/use_options.h"
#include "train/setup.h"

namespace pals {
namespace {

constexpr int64_t kWindowBatches = 64;  // batches of rows that are sorted by length together

bool wants_json(const PredictOptions& options) {
  return options.json || options.format == AnswerFormat::kJsonl;
}

int run_predict(const PredictOptions& options, const std::stop_token& stop) {
  const bool json = wants_json(options);
  refuse_to_overwrite(options.input.input, options.output, "--output");
  use_threads(options.threads);
  const at::Device device = choose_device(options.device);
  report_device(device);
  const LoadedModel loaded =
      load_model_folder(options.model, choose_precision(options.precision, device), device);
  const ModelRunner runner(*loaded.model);
  const PredictingModel model = predicting_model(loaded, runner);
  TaskInput asked = open_task_input(options.input, model.tasks, options.tasks, stop);
  const Predictor predictor(
      model, asked.tasks,
      {.batch_size = options.batch_size, .threads = at::get_num_threads(), .stop = stop});
  const std::vector<const Task*>& tasks = predictor.tasks();
  const AnswerLines answers(tasks, asked.input->has_ids(), json);
  WindowReader reader(std::move(asked.input), model.rules.tokenizer, model.rules.max_seq_length,
                      kWindowBatches * options.batch_size, predictor.forms(), stop);
  TextOutput output(options.output);
  output.write(answers.header());
  while (const std::optional<EncodedRows> window = reader.next()) {
    const std::vector<Prediction> predictions = predictor.predict(*window);
    for (size_t text = 0; text < window->ids.size(); ++text) {
      output.write(answers.line(window->ids[text], &predictions[text * tasks.size()]));
    }
    output.flush();
  }
  output.finish();
  return 0;
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
      "  pals predict --model runs/squad/best --input squad/dev-v1.1.json --json");
  return {app, [options](const std::stop_token& stop) { return run_predict(*options, stop); },
          list};
}

}  // namespace pals
