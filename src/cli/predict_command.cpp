#include <ATen/Parallel.h>

#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/input_flags.h"
#include "cli/option_flags.h"
#include "model/open.h"
#include "nn/device.h"
#include "nn/precision_choice.h"
#include "predict/output.h"
#include "predict/predictor.h"
#include "predict/windows.h"
#include "settings/use_options.h"
#include "train/setup.h"

namespace pals {
namespace {

constexpr int64_t kWindowBatches = 64;  // batches of rows that are sorted by length together

bool wants_json(const PredictOptions& options) {
  return options.json || options.format == AnswerFormat::kJsonl;
}

// One text's answers; with several tasks each under its name.
class AnswerWriter {
 public:
  AnswerWriter(std::vector<const Task*> tasks, bool ids, bool json)
      : tasks_(std::move(tasks)), ids_(ids), json_(json) {
    for (const Task* task : tasks_) {
      if (json_ && ids_ && tasks_.size() > 1 && task->name == kId) {
        fail_usage("--format: a task has the name \"id\", which is that of the ids in JSONL");
      }
    }
  }

  /// The first line: TSV columns of several tasks have names.
  std::string header() const {
    return json_ || tasks_.size() == 1
               ? ""
               : joined(kId, [](const Task& task, size_t) { return tsv_columns(task); });
  }

  /// The line for one text's predictions, one for each task.
  std::string line(const std::string& id, const Prediction* predictions) const {
    if (!json_) {
      return joined(
          id, [&](const Task& task, size_t i) { return prediction_to_tsv(task, predictions[i]); });
    }
    OrderedJson object;
    if (ids_) object[kId] = id;
    for (size_t i = 0; i < tasks_.size(); ++i) {
      OrderedJson answer = prediction_to_json(*tasks_[i], predictions[i]);
      if (tasks_.size() > 1) {
        object[tasks_[i]->name] = std::move(answer);
      } else {
        object.update(answer);
      }
    }
    return json_text(object, -1) + "\n";
  }

 private:
  static constexpr const char* kId = "id";

  template <typename Field>
  std::string joined(const std::string& id, const Field& field) const {
    std::vector<std::string> fields;
    if (ids_) fields.push_back(tsv_text(id));
    for (size_t i = 0; i < tasks_.size(); ++i) fields.push_back(field(*tasks_[i], i));
    return join(fields, "\t") + "\n";
  }

  std::vector<const Task*> tasks_;
  bool ids_, json_;
};

int run_predict(const PredictOptions& options) {
  const bool json = wants_json(options);
  if (options.threads > 0) at::set_num_threads(options.threads);
  const at::Device device = choose_device(options.device);
  report_device(device);
  const LoadedModel loaded =
      load_model_folder(options.model, choose_precision(options.precision, device), device);
  const std::vector<Task>& all = loaded.description.tasks;
  const std::vector<int> tasks = find_tasks(all, options.tasks, "--task");
  std::vector<const Task*> asked;
  for (const int task : tasks) asked.push_back(&all[static_cast<size_t>(task)]);

  std::unique_ptr<TextInput> input = open_input(options.input, LineRule::kTab, needs_of(asked));
  const bool ids = input->has_ids();
  const AnswerWriter answers(asked, ids, json);
  const Predictor predictor(loaded, tasks, options.batch_size);
  WindowReader reader(std::move(input), *loaded.tokenizer, loaded.description.max_seq_length,
                      kWindowBatches * options.batch_size, predictor.forms());
  TextOutput output(options.output);
  output.write(answers.header());
  while (const std::optional<Window> window = reader.next()) {
    const std::vector<Prediction> predictions = predictor.predict(*window);
    for (size_t text = 0; text < static_cast<size_t>(window->num_texts); ++text) {
      output.write(answers.line(ids ? window->ids[text] : "", &predictions[text * tasks.size()]));
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
  return {app, [options] { return run_predict(*options); }, list};
}

}  // namespace pals
