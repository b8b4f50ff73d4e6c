// The class Tokenizer.
#include <pals/tokenizer.h>
#include <pybind11/stl.h>

#include "bindings.h"
#include "convert.h"

namespace py = pybind11;

namespace pals_python {
namespace {

py::list tokens_of(const pals::Tokenizer& tokenizer, const py::str& text) {
  const std::string_view utf8 = text_of(text, "text", 0);
  std::vector<std::string> tokens;
  {
    const py::gil_scoped_release release;
    tokens = tokenizer.tokenize(utf8);
  }
  py::list all;
  for (const std::string& token : tokens) all.append(str_of(token));
  return all;
}

std::vector<int32_t> ids_of(const pals::Tokenizer& tokenizer, const py::str& text) {
  const std::string_view utf8 = text_of(text, "text", 0);
  const py::gil_scoped_release release;
  return tokenizer.encode(utf8);
}

// Ids, and how many of them are of type 0.
std::pair<std::vector<int32_t>, int32_t> encode_pair(const pals::Tokenizer& tokenizer,
                                                     const py::str& text_a, const py::str& text_b,
                                                     int max_tokens) {
  const std::string_view a = text_of(text_a, "text", 0), b = text_of(text_b, "second text", 0);
  const py::gil_scoped_release release;
  std::vector<int32_t> ids;
  const int32_t first = pals::encode_pair(tokenizer, a, b, max_tokens, ids);
  return {std::move(ids), first};
}

}  // namespace

void add_tokenizer(py::module_& module) {
  py::class_<pals::Tokenizer>(module, "Tokenizer", py::module_local())
      .def(py::init([](const std::string& folder) {
             const py::gil_scoped_release release;
             return pals::load_tokenizer(folder);
           }),
           py::arg("folder"))
      .def("tokenize", tokens_of, py::arg("text"))
      .def("encode", ids_of, py::arg("text"))
      .def("encode_pair", encode_pair, py::arg("text_a"), py::arg("text_b"), py::arg("max_tokens"))
      .def(
          "token",
          [](const pals::Tokenizer& tokenizer, int32_t id) {
            return str_of(tokenizer.vocabulary().token(id));
          },
          py::arg("id"))
      .def(
          "find",
          [](const pals::Tokenizer& tokenizer, const py::str& token) {
            return tokenizer.vocabulary().find(text_of(token, "token", 0));
          },
          py::arg("token"))
      .def("size", [](const pals::Tokenizer& tokenizer) { return tokenizer.vocabulary().size(); })
      .def("do_lower_case", &pals::Tokenizer::do_lower_case);
}

}  // namespace pals_python
