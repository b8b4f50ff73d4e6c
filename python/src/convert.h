// Between Python's values and the library's.
#pragma once

#include <pals/types.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pals_python {

/// The UTF-8 of a str, which keeps it. UsageError for a lone surrogate, TypeError for no str;
/// `what` and `number` say which text it is.
std::string_view text_of(pybind11::handle text, const char* what, size_t number);

/// A str; what is no UTF-8 is replaced.
pybind11::str str_of(std::string_view text);

/// Examples out of lists of equal length. `seconds` and `choices` (lists of lists of str) may be
/// None.
std::vector<pals::Example> examples_of(const pybind11::list& texts, const pybind11::object& seconds,
                                       const pybind11::object& choices);

/// Texts and pairs; they point into the lists' strings.
std::vector<pals::TextPair> pairs_of(const pybind11::list& texts, const pybind11::object& seconds);

/// What a task says of each text, as columns: tuples of arrays [texts], [texts, labels] and lists,
/// by the task's kind (python/pals/_pals.pyi). `number` is the task's among each text's
/// predictions.
pybind11::object columns_of(const std::vector<std::vector<pals::Prediction>>& predictions,
                            size_t number, const pals::Task& task);

/// An array that keeps the numbers where they are.
template <typename T>
pybind11::array array_of(std::vector<T> values, std::vector<pybind11::ssize_t> shape) {
  auto* kept = new std::vector<T>(std::move(values));
  const pybind11::capsule owner(kept, [](void* it) { delete static_cast<std::vector<T>*>(it); });
  return pybind11::array_t<T>(std::move(shape), kept->data(), owner);
}

}  // namespace pals_python
