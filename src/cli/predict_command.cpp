#include <ATen/Parallel.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/input_flags.h"
#include "model/model_folder.h"
#include "predict/output.h"
#include "predict/predictor.h"
#include "predict/windows.h"
#include "train/setup.h"

namespace pals {
namespace {

constexpr int64_t kWindowBatches = 64;  // batches of rows that are sorted by length together

struct PredictOptions {
  std::string model, tasks, output, format = "tsv", precision = "auto";
  InputFlags input;
  int64_t batch_size = 32;
  int threads = 0;
  bool json = false;
};

bool wants_json(const PredictOptions& options) {
  if (options.json || options.format == "jsonl") return true;
  if (options.format == "tsv") return false;
  fail_usage("--format: ", quote(options.format), " is unknown, expected tsv or jsonl");
}

// One text's answers; with several tasks each under its name.
class AnswerWriter {
 public:
  AnswerWriter(const std::vector<Task>& all, const std::vector<int>& tasks, bool json)
      : json_(json) {
    for (const int task : tasks) tasks_.push_back(&all[static_cast<size_t>(task)]);
  }

  /// The first line: TSV columns of several tasks have names.
  std::string header() const {
    return json_ || tasks_.size() == 1
               ? ""
               : joined([](const Task& task, size_t) { return tsv_columns(task); });
  }

  /// The line for one text's predictions, one for each task.
  std::string line(const Prediction* predictions) const {
    if (!json_) {
      return joined(
          [&](const Task& task, size_t i) { return prediction_to_tsv(task, predictions[i]); });
    }
    OrderedJson object;
    for (size_t i = 0; i < tasks_.size(); ++i) {
      const OrderedJson answer = prediction_to_json(*tasks_[i], predictions[i]);
      if (tasks_.size() == 1) return json_text(answer, -1) + "\n";
      object[tasks_[i]->name] = answer;
    }
    return json_text(object, -1) + "\n";
  }

 private:
  template <typename Field>
  std::string joined(const Field& field) const {
    std::vector<std::string> fields;
    for (size_t i = 0; i < tasks_.size(); ++i) fields.push_back(field(*tasks_[i], i));
    return join(fields, "\t") + "\n";
  }

  std::vector<const Task*> tasks_;
  bool json_;
};

int run_predict(const PredictOptions& options) {
  if (options.model.empty()) fail_usage("--model is missing");
  const bool json = wants_json(options);
  if (options.threads > 0) at::set_num_threads(options.threads);
  const LoadedModel loaded = load_model_folder(options.model, parse_precision(options.precision));
  const std::vector<Task>& all = loaded.description.tasks;
  const std::vector<int> tasks = find_tasks(all, options.tasks, "--task");
  const AnswerWriter answers(all, tasks, json);

  WindowReader reader(open_input(options.input, LineRule::kTab), *loaded.tokenizer,
                      loaded.description.max_seq_length, kWindowBatches * options.batch_size);
  TextOutput output(options.output);
  output.write(answers.header());
  while (const std::optional<FeatureSet> window = reader.next()) {
    const std::vector<Prediction> predictions =
        predict_window(*loaded.model, all, tasks, *window, options.batch_size);
    for (size_t first = 0; first < predictions.size(); first += tasks.size()) {
      output.write(answers.line(predictions.data() + first));
    }
    output.flush();
  }
  output.finish();
  return 0;
}

}  // namespace

Command add_predict_command(CLI::App& program) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* app = program.add_subcommand("predict", "label texts from a file or standard input");
  app->add_option("--model", options->model, "a model folder, such as RUN/best");
  app->add_option("--task,--tasks", options->tasks,
                  "one of its tasks, several with commas between, or all");
  add_input_flags(*app, options->input);
  app->add_option("--output", options->output, "a file; default: standard output");
  app->add_option("--format", options->format, "tsv or jsonl");
  app->add_flag("--json", options->json, "as --format jsonl: an object a line, all probabilities");
  app->add_option("--batch_size", options->batch_size, "rows of a batch")
      ->check(CLI::Range(1, 1 << 16));
  app->add_option("--precision", options->precision, "fp32, bf16, int8 or auto");
  app->add_option("--threads", options->threads, "0: all cores")->check(CLI::Range(0, 1024));
  app->footer(
      "A line is a text, or a pair with a tab between. Output, a line each in the order of the "
      "input: label and probability, or value; with several tasks these columns for each, named in "
      "a first line. More in docs/predict.md.\n\nExamples:\n"
      "  echo 'a moving, funny film' | pals predict --model runs/three/best --task sst\n"
      "  pals predict --model runs/three/best --task rte --json < pairs.tsv\n"
      "  pals predict --model runs/glue/best --tasks all --input texts.txt --output labels.tsv\n"
      "  pals predict --model runs/mine/best --task reviews --input reviews.csv --text_a text");
  return {app, [options] { return run_predict(*options); }};
}

}  // namespace pals
