#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "base/signal.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "data/features.h"
#include "eval/scores.h"
#include "model/model_folder.h"
#include "train/setup.h"

namespace pals {
namespace {

constexpr size_t kMaxLineBytes = size_t{1} << 20;
constexpr int64_t kWindow = 64;  // batches of lines that are sorted by length together

struct PredictOptions {
  std::string model, task, precision = "auto";
  int64_t batch_size = 32;
  int threads = 0;
  bool json = false;
};

int find_task(const std::vector<Task>& tasks, const std::string& name) {
  std::vector<std::string> names;
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (tasks[i].name == name) return static_cast<int>(i);
    names.push_back(tasks[i].name);
  }
  if (name.empty() && tasks.size() == 1) return 0;
  fail_usage("--task: ", name.empty() ? "missing" : concat("the model has no task ", quote(name)),
             "; its tasks: ", join(names, ", "));
}

class Predictor {
 public:
  explicit Predictor(const PredictOptions& options)
      : options_(options),
        loaded_(load_model_folder(options.model, parse_precision(options.precision))),
        task_number_(find_task(loaded_.description.tasks, options.task)),
        task_(loaded_.description.tasks[static_cast<size_t>(task_number_)]) {}

  void run(std::istream& in, std::ostream& out) {
    std::vector<std::string> lines;
    std::string line;
    int64_t number = 0;
    while (!stop_requested() && std::getline(in, line)) {
      ++number;
      if (line.size() > kMaxLineBytes) {
        fail("standard input:", number, ": a line of ", line.size(), " bytes, at most ",
             kMaxLineBytes, " are read");
      }
      if (!line.empty() && line.back() == '\r') line.pop_back();
      lines.push_back(line);
      if (static_cast<int64_t>(lines.size()) == kWindow * options_.batch_size ||
          in.rdbuf()->in_avail() <= 0) {
        flush(lines, out);
      }
    }
    flush(lines, out);
  }

 private:
  // Predicts the lines, in batches of like length, and writes them in the order in which they came.
  void flush(std::vector<std::string>& lines, std::ostream& out) {
    std::vector<size_t> order(lines.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return lines[a].size() > lines[b].size(); });
    std::vector<std::vector<float>> outputs(lines.size());
    for (size_t first = 0; first < order.size();
         first += static_cast<size_t>(options_.batch_size)) {
      const size_t last = std::min(order.size(), first + static_cast<size_t>(options_.batch_size));
      PackedBatch batch;
      for (size_t i = first; i < last; ++i) append(lines[order[i]], order[i], batch);
      const at::Tensor logits = loaded_.model->forward(batch).logits.front();
      for (size_t i = first; i < last; ++i) {
        const float* row =
            logits.const_data_ptr<float>() + static_cast<int64_t>(i - first) * logits.size(1);
        outputs[order[i]].assign(row, row + logits.size(1));
      }
    }
    for (const std::vector<float>& output : outputs) write(output, out);
    out.flush();
    if (!out) fail("standard output: cannot be written");
    lines.clear();
  }

  // A line is a text, or a pair with a tab between.
  void append(const std::string& line, size_t row, PackedBatch& batch) const {
    const size_t tab = line.find('\t');
    const std::string_view text(line);
    append_text(*loaded_.tokenizer, text.substr(0, tab),
                tab == std::string::npos ? std::string_view() : text.substr(tab + 1),
                loaded_.description.max_seq_length, task_number_, static_cast<int64_t>(row), batch);
  }

  void write(const std::vector<float>& output, std::ostream& out) const {
    if (task_.kind == TaskKind::kRegression) {
      const double value = reported_value(task_, static_cast<double>(output.front()));
      if (options_.json) {
        out << OrderedJson{{"value", value}}.dump() << "\n";
      } else {
        out << format_double(value, 4) << "\n";
      }
      return;
    }
    const size_t best =
        static_cast<size_t>(std::max_element(output.begin(), output.end()) - output.begin());
    double sum = 0.0;
    for (const float logit : output) sum += std::exp(static_cast<double>(logit - output[best]));
    if (!options_.json) {
      out << task_.labels[best] << "\t" << format_double(1.0 / sum, 4) << "\n";
      return;
    }
    OrderedJson probabilities;
    for (size_t i = 0; i < output.size(); ++i) {
      probabilities[task_.labels[i]] =
          std::exp(static_cast<double>(output[i] - output[best])) / sum;
    }
    out << OrderedJson{{"label", task_.labels[best]}, {"probabilities", probabilities}}.dump()
        << "\n";
  }

  const PredictOptions& options_;
  LoadedModel loaded_;
  int task_number_;
  const Task& task_;
};

}  // namespace

Command add_predict_command(CLI::App& program) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* app = program.add_subcommand("predict", "label lines of standard input");
  app->add_option("--model", options->model, "a model folder, such as RUN/best");
  app->add_option("--task", options->task, "one of its tasks");
  app->add_option("--batch_size", options->batch_size, "lines of a batch")
      ->check(CLI::Range(1, 1 << 20));
  app->add_option("--precision", options->precision, "fp32, bf16 or auto");
  app->add_option("--threads", options->threads, "0: all cores")->check(CLI::Range(0, 1024));
  app->add_flag("--json", options->json, "a JSON object a line, with all probabilities");
  app->footer(
      "A line is a text, or a pair with a tab between. Output, a line each: label and probability, "
      "or "
      "value.\n\nExamples:\n"
      "  echo 'a moving, funny film' | pals predict --model runs/three/best --task sst\n"
      "  pals predict --model runs/three/best --task rte --json < pairs.tsv");
  return {app, [options] {
            if (options->model.empty()) fail_usage("--model is missing");
            if (options->threads > 0) at::set_num_threads(options->threads);
            // Only an unsynchronised buffer can tell whether more lines are at hand.
            std::ios::sync_with_stdio(false);
            static std::vector<char> buffer(kMaxLineBytes);  // std::cin outlives main
            std::cin.rdbuf()->pubsetbuf(buffer.data(), static_cast<std::streamsize>(buffer.size()));
            Predictor(*options).run(std::cin, std::cout);
            return 0;
          }};
}

}  // namespace pals
