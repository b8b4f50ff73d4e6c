// The extension module pals._pals: what pals/*.py stand on (python/pals/_pals.pyi).
#include <pals/error.h>
#include <pals/local_model.h>
#include <pals/memory.h>
#include <pybind11/pybind11.h>

#include "bindings.h"
#include "convert.h"
#include "log_lines.h"
#include "worker.h"

namespace py = pybind11;

namespace pals_python {
namespace {

// The classes stand in pals/errors.py.
void raise(const char* name, const char* text) {
  const py::object type = py::module_::import("pals.errors").attr(name);
  PyErr_SetObject(type.ptr(), str_of(text).ptr());
}

void translate(std::exception_ptr error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const pals::UsageError& fault) {
    raise("UsageError", fault.what());
  } catch (const pals::Stopped& stopped) {
    raise("Stopped", stopped.what());
  } catch (const pals::Error& fault) {
    raise("PalsError", fault.what());
  }
}

}  // namespace
}  // namespace pals_python

PYBIND11_MODULE(_pals, module) {
  using namespace pals_python;
  LogLines::all().start();
  py::register_local_exception_translator(translate);
  module.def("keep_tensor_memory", [] { pals::keep_tensor_memory(); });
  module.def("local_model", [](const std::string& path_or_name) {
    const py::gil_scoped_release release;
    return pals::local_model(path_or_name);
  });
  module.def("before_fork", before_fork);
  module.def("after_fork_in_parent", after_fork_in_parent);
  module.def("after_fork_in_child", after_fork_in_child);
  add_tokenizer(module);
  add_model(module);
  add_training(module);
}
