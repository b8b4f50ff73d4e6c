// The parts of the module.
#pragma once

#include <pybind11/pybind11.h>

namespace pals_python {

void add_model(pybind11::module_& module);
void add_tokenizer(pybind11::module_& module);
void add_training(pybind11::module_& module);

}  // namespace pals_python
