// Training and evaluation, each on a thread of its own.
#include <pals/evaluate.h>
#include <pals/train.h>
#include <pybind11/stl.h>

#include <map>
#include <optional>
#include <string>

#include "bindings.h"
#include "worker.h"

namespace py = pybind11;

namespace pals_python {
namespace {

using Options = std::map<std::string, std::string>;
using ScoresGiven = std::optional<pals::Scores>;

// (step, average, {task: {metric: value}}), or None.
py::object scores_of(const ScoresGiven& scores) {
  if (!scores) return py::none();
  return py::make_tuple(scores->step, scores->average, scores->tasks);
}

Listener listener_of(const py::object& log, const py::object& stops) {
  Listener listener{log, nullptr};
  if (!stops.is_none()) {
    listener.stops = [stops] {
      const py::object answer = stops();
      const int truth = PyObject_IsTrue(answer.ptr());
      if (truth < 0) throw py::error_already_set();
      return truth != 0;
    };
  }
  return listener;
}

py::object train(const Options& options, const py::object& log, const py::object& step,
                 const py::object& evaluated, const py::object& stops) {
  Worker worker;
  const ScoresGiven scores = worker.call<ScoresGiven>(
      [&](const std::stop_token& stop) {
        pals::TrainCallbacks told;
        told.stop = stop;
        if (!step.is_none()) {
          told.step = [&](const pals::Progress& at) {
            worker.ask([&] { step(at.step, at.total_steps, at.task, at.loss, at.learning_rate); });
          };
        }
        if (!evaluated.is_none()) {
          told.evaluated = [&](const pals::Scores& at) {
            worker.ask([&] { evaluated(scores_of(at)); });
          };
        }
        return pals::train(options, told);
      },
      listener_of(log, stops));
  return scores_of(scores);
}

py::object evaluate(const Options& options, const py::object& log) {
  Worker worker;
  return scores_of(worker.call<ScoresGiven>(
      [&](const std::stop_token& stop) { return pals::evaluate(options, stop); },
      listener_of(log, py::none())));
}

}  // namespace

void add_training(py::module_& module) {
  module.def("train", train, py::arg("options"), py::arg("log"), py::arg("step"),
             py::arg("evaluated"), py::arg("stops"));
  module.def("evaluate", evaluate, py::arg("options"), py::arg("log"));
}

}  // namespace pals_python
