// The class Model: a model folder, loaded on its own thread.
#include <pals/encoder.h>
#include <pals/multi_task.h>
#include <pals/threads.h>
#include <pybind11/stl.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>

#include "bindings.h"
#include "convert.h"
#include "worker.h"

namespace py = pybind11;

namespace pals_python {
namespace {

// Texts that are sorted by length together, in batches: as `pals predict` has it, so that its
// numbers and these are the same.
constexpr int64_t kWindowBatches = 64;

using Predictions = std::vector<std::vector<pals::Prediction>>;

struct Settings {
  std::string folder, device, precision;
  int threads = 0;
  int64_t batch_size = 32;
};

class Model {
 public:
  Model(Settings settings, bool has_tasks, const py::object& log)
      : settings_(std::move(settings)),
        process_(getpid()),
        worker_([this] { pals::use_threads(settings_.threads); }) {
    worker_.run(
        [&](const std::stop_token& /*stop*/) {
          if (has_tasks) {
            predictor_.emplace(
                settings_.folder,
                pals::ModelOptions{settings_.precision, settings_.batch_size, settings_.device});
          } else {
            load_encoder();
          }
        },
        {log, nullptr});
  }

  std::vector<pals::Task> tasks() const {
    return predictor_ ? predictor_->tasks() : std::vector<pals::Task>();
  }

  int max_seq_length() const { return predictor_ ? predictor_->max_seq_length() : 0; }

  pals::Tokenizer tokenizer() const {
    return predictor_ ? predictor_->tokenizer() : encoder_->tokenizer();
  }

  /// For each task its columns.
  py::list predict(const py::list& texts, const py::object& seconds, const py::object& choices,
                   const std::vector<std::string>& tasks, const py::object& log) {
    check_process();
    if (!predictor_) {
      throw pals::UsageError(settings_.folder +
                             " has no tasks: it is an encoder alone, for embed()");
    }
    const std::vector<pals::Example> examples = examples_of(texts, seconds, choices);
    const std::string names = joined(tasks);
    const auto all = worker_.call<Predictions>(
        [&](const std::stop_token& stop) { return ask(examples, names, stop); }, {log, nullptr});
    py::list columns;
    for (size_t number = 0; number < tasks.size(); ++number) {
      const std::vector<pals::Task>& known = predictor_->tasks();
      const auto task = std::ranges::find(known, tasks[number], &pals::Task::name);
      columns.append(columns_of(all, number, *task));
    }
    return columns;
  }

  /// [texts, hidden_size]. Without a task the shared encoder's.
  py::array embed(const py::list& texts, const py::object& seconds,
                  const std::optional<std::string>& task, pals::VectorOptions options,
                  const py::object& log) {
    check_process();
    const std::vector<pals::TextPair> pairs = pairs_of(texts, seconds);
    int64_t width = 0;
    std::vector<float> vectors = worker_.call<std::vector<float>>(
        [&](const std::stop_token& stop) {
          options.stop = stop;
          if (task && predictor_) {
            width = predictor_->hidden_size();
            return in_windows(
                pairs, [&](const auto& some) { return predictor_->vectors(some, *task, options); });
          }
          load_encoder();
          width = encoder_->hidden_size();
          return in_windows(pairs,
                            [&](const auto& some) { return encoder_->vectors(some, options); });
        },
        {log, nullptr});
    return array_of(std::move(vectors),
                    {static_cast<py::ssize_t>(pairs.size()), static_cast<py::ssize_t>(width)});
  }

 private:
  static std::string joined(const std::vector<std::string>& names) {
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : ",") + name;
    return all;
  }

  // A GPU cannot be used by a forked child, whatever it does.
  void check_process() const {
    if (process_ == getpid()) return;
    if (!(predictor_ && predictor_->on_gpu()) && !(encoder_ && encoder_->on_gpu())) return;
    throw pals::Error(
        "this model was loaded on a GPU by the parent of this process; load it after the fork, or "
        "start processes by multiprocessing's \"spawn\"");
  }

  void load_encoder() {
    if (encoder_) return;
    pals::EncoderOptions options;
    options.model = settings_.folder;
    options.precision = settings_.precision;
    options.device = settings_.device;
    options.batch_size = settings_.batch_size;
    encoder_.emplace(options);
  }

  size_t window() const { return static_cast<size_t>(kWindowBatches * settings_.batch_size); }

  Predictions ask(const std::vector<pals::Example>& examples, const std::string& tasks,
                  const std::stop_token& stop) const {
    Predictions all;
    all.reserve(examples.size());
    for (size_t first = 0; first < examples.size(); first += window()) {
      const size_t end = std::min(examples.size(), first + window());
      const std::vector<pals::Example> some(examples.begin() + static_cast<int64_t>(first),
                                            examples.begin() + static_cast<int64_t>(end));
      Predictions given = predictor_->predict_examples(some, tasks, stop);
      std::move(given.begin(), given.end(), std::back_inserter(all));
    }
    return all;
  }

  template <typename Run>
  std::vector<float> in_windows(const std::vector<pals::TextPair>& pairs, const Run& run) const {
    if (pairs.size() <= window()) return pairs.empty() ? std::vector<float>() : run(pairs);
    std::vector<float> all;
    for (size_t first = 0; first < pairs.size(); first += window()) {
      const size_t end = std::min(pairs.size(), first + window());
      const std::vector<pals::TextPair> some(pairs.begin() + static_cast<int64_t>(first),
                                             pairs.begin() + static_cast<int64_t>(end));
      const std::vector<float> given = run(some);
      all.insert(all.end(), given.begin(), given.end());
    }
    return all;
  }

  Settings settings_;
  pid_t process_;
  std::optional<pals::MultiTaskPredictor> predictor_;
  std::optional<pals::Encoder> encoder_;
  Worker worker_;  // last: it ends before what it works on
};

pals::VectorOptions vector_options(const std::string& pooling, bool normalize, int max_seq_length) {
  const std::pair<const char*, pals::Pooling> known[] = {{"cls", pals::Pooling::kCls},
                                                         {"mean", pals::Pooling::kMean},
                                                         {"max", pals::Pooling::kMax},
                                                         {"pooled", pals::Pooling::kPooled}};
  for (const auto& [name, value] : known) {
    if (pooling == name) return {value, normalize, max_seq_length, {}};
  }
  throw pals::UsageError("pooling is \"" + pooling + "\", expected cls, mean, max or pooled");
}

}  // namespace

void add_model(py::module_& module) {
  py::class_<Model>(module, "Model", py::module_local())
      .def(py::init([](const std::string& folder, const std::string& device,
                       const std::string& precision, int threads, int64_t batch_size,
                       bool has_tasks, const py::object& log) {
             return std::make_unique<Model>(
                 Settings{folder, device, precision, threads, batch_size}, has_tasks, log);
           }),
           py::arg("folder"), py::kw_only(), py::arg("device"), py::arg("precision"),
           py::arg("threads"), py::arg("batch_size"), py::arg("has_tasks"), py::arg("log"))
      .def("tasks",
           [](const Model& model) {
             py::list tasks;
             for (const pals::Task& task : model.tasks()) {
               tasks.append(py::make_tuple(task.name, pals::kind_name(task.kind), task.labels,
                                           task.num_texts));
             }
             return tasks;
           })
      .def("max_seq_length", &Model::max_seq_length)
      .def("tokenizer", &Model::tokenizer)
      .def("predict", &Model::predict, py::arg("texts"), py::arg("seconds"), py::arg("choices"),
           py::arg("tasks"), py::arg("log"))
      .def(
          "embed",
          [](Model& model, const py::list& texts, const py::object& seconds,
             const std::optional<std::string>& task, const std::string& pooling, bool normalize,
             int max_seq_length, const py::object& log) {
            return model.embed(texts, seconds, task,
                               vector_options(pooling, normalize, max_seq_length), log);
          },
          py::arg("texts"), py::arg("seconds"), py::arg("task"), py::arg("pooling"),
          py::arg("normalize"), py::arg("max_seq_length"), py::arg("log"));
}

}  // namespace pals_python
