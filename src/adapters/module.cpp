#include "adapters/module.h"

namespace pals {

at::Tensor AttendingModule::forward(const Pass& pass, int layer, const at::Tensor& x) const {
  State state = begin(pass, layer, x);
  attend(state.attention.heads, pass.rows);
  return finish(pass, layer, state);
}

at::Tensor AttendingModule::backward(const Pass& pass, int layer, const at::Tensor& dy) const {
  State state = begin_backward(pass, layer, dy);
  attend_backward(state.attention.heads, pass.rows);
  return finish_backward(pass, layer, state);
}

void TaskAdapter::fold(const ParameterArena& from, ParameterArena& to) const {
  for (const AdapterModules* modules :
       {&after_attention.modules, &after_feed_forward.modules, &feed_forward_term, &after_layer}) {
    for (const auto& module : *modules) {
      if (module != nullptr) module->fold(from, to);
    }
  }
  if (after_encoder != nullptr) after_encoder->fold(from, to);
}

}  // namespace pals
