#include "convert.h"

#include <pals/error.h>

namespace py = pybind11;

namespace pals_python {
namespace {

using Predictions = std::vector<std::vector<pals::Prediction>>;

py::ssize_t count(const Predictions& predictions) {
  return static_cast<py::ssize_t>(predictions.size());
}

// [texts, labels].
py::array probabilities_of(const Predictions& predictions, size_t number, size_t labels) {
  std::vector<double> all;
  all.reserve(predictions.size() * labels);
  for (const auto& text : predictions) {
    const std::vector<double>& own = text[number].probabilities;
    all.insert(all.end(), own.begin(), own.end());
  }
  return array_of(std::move(all), {count(predictions), static_cast<py::ssize_t>(labels)});
}

py::object label_columns(const Predictions& predictions, size_t number, const pals::Task& task) {
  std::vector<int32_t> labels;
  for (const auto& text : predictions) labels.push_back(text[number].label);
  return py::make_tuple(array_of(std::move(labels), {count(predictions)}),
                        probabilities_of(predictions, number, task.labels.size()));
}

py::object value_columns(const Predictions& predictions, size_t number) {
  std::vector<double> values;
  for (const auto& text : predictions) values.push_back(text[number].value);
  return py::make_tuple(array_of(std::move(values), {count(predictions)}));
}

py::object label_set_columns(const Predictions& predictions, size_t number,
                             const pals::Task& task) {
  py::list sets;
  for (const auto& text : predictions) {
    py::list set;
    for (const int32_t label : text[number].labels) set.append(label);
    sets.append(set);
  }
  return py::make_tuple(probabilities_of(predictions, number, task.labels.size()), sets);
}

py::object answer_columns(const Predictions& predictions, size_t number) {
  py::list answers;
  for (const auto& text : predictions) {
    const pals::PredictedAnswer& answer = text[number].answer;
    py::list best;
    for (const pals::RankedAnswer& one : answer.n_best) {
      best.append(py::make_tuple(str_of(one.text), one.probability));
    }
    answers.append(py::make_tuple(str_of(answer.text), answer.probability, best));
  }
  return answers;
}

py::object choice_columns(const Predictions& predictions, size_t number) {
  py::list chosen;
  for (const auto& text : predictions) {
    py::list probabilities;
    for (const double one : text[number].probabilities) probabilities.append(one);
    chosen.append(py::make_tuple(text[number].label, probabilities));
  }
  return chosen;
}

py::object tag_columns(const Predictions& predictions, size_t number) {
  py::list texts;
  for (const auto& text : predictions) {
    py::list words, spans;
    for (const pals::TaggedWord& word : text[number].words) {
      words.append(
          py::make_tuple(str_of(word.text), word.start, word.end, word.tag, word.probability));
    }
    for (const pals::TaggedSpan& span : text[number].spans) {
      spans.append(py::make_tuple(str_of(span.label), str_of(span.text), span.start, span.end));
    }
    texts.append(py::make_tuple(words, spans));
  }
  return texts;
}

}  // namespace

std::string_view text_of(py::handle text, const char* what, size_t number) {
  if (!PyUnicode_Check(text.ptr())) {
    throw py::type_error(std::string(what) + " " + std::to_string(number) + " is no str");
  }
  Py_ssize_t size = 0;
  const char* bytes = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
  if (bytes == nullptr) {
    PyErr_Clear();
    throw pals::UsageError(std::string(what) + " " + std::to_string(number) +
                           ": not a text that UTF-8 can hold (a lone surrogate)");
  }
  return {bytes, static_cast<size_t>(size)};
}

py::str str_of(std::string_view text) {
  PyObject* made =
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(made);
}

std::vector<pals::TextPair> pairs_of(const py::list& texts, const py::object& seconds) {
  std::vector<pals::TextPair> pairs;
  pairs.reserve(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) pairs.push_back({text_of(texts[i], "text", i), {}});
  if (seconds.is_none()) return pairs;
  const auto list = seconds.cast<py::list>();
  for (size_t i = 0; i < pairs.size(); ++i) pairs[i].b = text_of(list[i], "second text", i);
  return pairs;
}

std::vector<pals::Example> examples_of(const py::list& texts, const py::object& seconds,
                                       const py::object& choices) {
  std::vector<pals::Example> examples;
  examples.reserve(texts.size());
  for (const pals::TextPair& pair : pairs_of(texts, seconds)) {
    examples.push_back({std::string(pair.a), std::string(pair.b), {}});
  }
  if (choices.is_none()) return examples;
  const auto list = choices.cast<py::list>();
  for (size_t i = 0; i < examples.size(); ++i) {
    for (const py::handle choice : list[i]) {
      examples[i].choices.emplace_back(text_of(choice, "a choice of text", i));
    }
  }
  return examples;
}

py::object columns_of(const Predictions& predictions, size_t number, const pals::Task& task) {
  switch (task.kind) {
    case pals::TaskKind::kClassification:
      return label_columns(predictions, number, task);
    case pals::TaskKind::kRegression:
      return value_columns(predictions, number);
    case pals::TaskKind::kMultiLabel:
      return label_set_columns(predictions, number, task);
    case pals::TaskKind::kSpan:
      return answer_columns(predictions, number);
    case pals::TaskKind::kMultipleChoice:
      return choice_columns(predictions, number);
    case pals::TaskKind::kTagging:
      return tag_columns(predictions, number);
  }
  throw pals::Error("task " + task.name + " is of an unknown kind");
}

}  // namespace pals_python
