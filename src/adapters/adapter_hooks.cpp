#include "adapters/adapter_hooks.h"

#include <algorithm>
#include <utility>

namespace pals {
namespace {

// What a token without a module gets: nothing (a term) or itself (a replacement).
enum class Absent { kZero, kIdentity };

template <typename Select>
bool any_module(const std::vector<Segment>& segments, const Select& select) {
  return std::any_of(segments.begin(), segments.end(),
                     [&](const Segment& segment) { return select(segment.task) != nullptr; });
}

// A module that can stand for those of all segments, with each segment's own weights, where that is
// faster; else null.
template <typename Select>
const AdapterModule* for_all_segments(const Pass& pass, const std::vector<Segment>& segments,
                                      const at::Tensor& x, const Select& select) {
  if (pass.tape != nullptr || !groups_dense(x)) return nullptr;
  const bool all = std::ranges::all_of(segments, [&](const Segment& segment) {
    const AdapterModule* module = select(segment.task);
    return module != nullptr && module->takes_segments();
  });
  return all ? select(segments.front().task) : nullptr;
}

// Applies each segment's module to its tokens, x [S, H] to [Q, H]; `select(task)` gives the module
// or null.
template <typename Select>
at::Tensor forward_segments(const Pass& pass, const std::vector<Segment>& segments, int layer,
                            const at::Tensor& x, Absent absent, const Select& select) {
  if (segments.size() == 1) {
    return select(segments.front().task)->forward(pass, layer, x);
  }
  if (const AdapterModule* module = for_all_segments(pass, segments, x, select)) {
    Pass all = pass;
    all.segments = &segments;
    return module->forward(all, layer, x);
  }
  at::Tensor y = pass.empty({pass.num_queries(), x.size(1)});
  for (const Segment& segment : segments) {
    const Pass part = pass.slice(segment);
    const at::Tensor in = pass.tokens_of(x, segment);
    at::Tensor out = pass.queries_of(y, segment);
    if (const AdapterModule* module = select(segment.task)) {
      out.copy_(module->forward(part, layer, in));
    } else if (absent == Absent::kZero) {
      out.zero_();
    } else {
      out.copy_(part.queries(in));
    }
  }
  return y;
}

template <typename Select>
at::Tensor backward_segments(const Pass& pass, const std::vector<Segment>& segments, int layer,
                             const at::Tensor& dy, Absent absent, const Select& select) {
  if (segments.size() == 1) {
    return select(segments.front().task)->backward(pass, layer, dy);
  }
  at::Tensor dx = pass.empty({pass.num_tokens(), dy.size(1)});
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    const Pass part = pass.slice(*segment);
    const at::Tensor in = pass.queries_of(dy, *segment);
    at::Tensor out = pass.tokens_of(dx, *segment);
    if (const AdapterModule* module = select(segment->task)) {
      out.copy_(module->backward(part, layer, in));
    } else {
      out.zero_();
      if (absent == Absent::kIdentity) part.add_to_queries(out, in);
    }
  }
  return dx;
}

auto select_from(const std::vector<TaskAdapter>& adapters, AdapterModules TaskAdapter::*place,
                 int layer) {
  return [&adapters, place, layer](int task) -> const AdapterModule* {
    return (adapters[static_cast<size_t>(task)].*place)[static_cast<size_t>(layer)].get();
  };
}

auto select_after_encoder(const std::vector<TaskAdapter>& adapters) {
  return [&adapters](int task) -> const AdapterModule* {
    return adapters[static_cast<size_t>(task)].after_encoder.get();
  };
}

}  // namespace

bool AdapterHooks::has_attention_term(int layer) const {
  return any_module(segments_, select_from(adapters_, &TaskAdapter::attention_term, layer));
}

at::Tensor AdapterHooks::after_attention_dense(const Pass& pass, int layer, const at::Tensor& x) {
  return forward_segments(pass, segments_, layer, x, Absent::kZero,
                          select_from(adapters_, &TaskAdapter::attention_term, layer));
}

void AdapterHooks::after_attention_dense_backward(const Pass& pass, int layer,
                                                  const at::Tensor& d_term, at::Tensor& dx) {
  dx.add_(backward_segments(pass, segments_, layer, d_term, Absent::kZero,
                            select_from(adapters_, &TaskAdapter::attention_term, layer)));
}

const AttendingModule* AdapterHooks::module_beside(const Pass& pass, int layer,
                                                   const at::Tensor& x) const {
  if (reads_attention() || !joins_attention(x)) return nullptr;
  const auto select = select_from(adapters_, &TaskAdapter::feed_forward_term, layer);
  const AdapterModule* module = segments_.size() == 1
                                    ? select(segments_.front().task)
                                    : for_all_segments(pass, segments_, x, select);
  return module != nullptr ? module->attending() : nullptr;
}

Pass AdapterHooks::of_all_segments(const Pass& pass) const {
  Pass all = pass;
  if (segments_.size() > 1) all.segments = &segments_;
  return all;
}

AttentionHeads* AdapterHooks::attention_beside(const Pass& pass, int layer, const at::Tensor& h) {
  beside_ = module_beside(pass, layer, h);
  if (beside_ == nullptr) return nullptr;
  state_ = beside_->begin(of_all_segments(pass), layer, h);
  return &state_.attention.heads;
}

AttentionHeads* AdapterHooks::attention_beside_backward() {
  return beside_ != nullptr ? &state_.attention.heads : nullptr;
}

at::Tensor AdapterHooks::after_attention_beside_backward(const Pass& pass, int layer) {
  if (beside_ == nullptr) return {};
  return std::exchange(beside_, nullptr)
      ->finish_backward(pass, layer, std::exchange(state_, AttendingModule::State()));
}

bool AdapterHooks::reads_attention() const {
  return adapters_[static_cast<size_t>(segments_.front().task)].feed_forward_reads_attention;
}

bool AdapterHooks::term_attends_to_attention(int layer) const {
  const auto select = select_from(adapters_, &TaskAdapter::feed_forward_term, layer);
  return reads_attention() &&
         std::any_of(segments_.begin(), segments_.end(), [&](const Segment& segment) {
           const AdapterModule* module = select(segment.task);
           return module != nullptr && module->attends();
         });
}

Pass AdapterHooks::term_pass(const Pass& pass, int layer) const {
  return reads_attention() && !term_attends_to_attention(layer) ? pass.of_queries() : pass;
}

at::Tensor AdapterHooks::feed_forward_term(const Pass& pass, int layer,
                                           const LayerActivations& activations) {
  const auto select = select_from(adapters_, &TaskAdapter::feed_forward_term, layer);
  if (!any_module(segments_, select)) return {};
  if (beside_ != nullptr) {
    return std::exchange(beside_, nullptr)
        ->finish(of_all_segments(pass), layer, std::exchange(state_, AttendingModule::State()));
  }
  return forward_segments(
      term_pass(pass, layer), segments_, layer,
      reads_attention() ? activations.attention_output : activations.layer_input, Absent::kZero,
      select);
}

void AdapterHooks::feed_forward_term_backward(const Pass& pass, int layer, const at::Tensor& d_term,
                                              LayerActivations& gradients) {
  const auto select = select_from(adapters_, &TaskAdapter::feed_forward_term, layer);
  if (!any_module(segments_, select)) return;
  beside_ = module_beside(pass, layer, d_term);
  if (beside_ != nullptr) {
    state_ = beside_->begin_backward(pass, layer, d_term);
    return;
  }
  (reads_attention() ? gradients.attention_output : gradients.layer_input) =
      backward_segments(term_pass(pass, layer), segments_, layer, d_term, Absent::kZero, select);
}

at::Tensor AdapterHooks::after_layer(const Pass& pass, int layer, const at::Tensor& y) {
  const auto select = select_from(adapters_, &TaskAdapter::after_layer, layer);
  if (!any_module(segments_, select)) return y;
  return forward_segments(pass, segments_, layer, y, Absent::kIdentity, select);
}

at::Tensor AdapterHooks::after_layer_backward(const Pass& pass, int layer, const at::Tensor& dy) {
  const auto select = select_from(adapters_, &TaskAdapter::after_layer, layer);
  if (!any_module(segments_, select)) return dy;
  return backward_segments(pass, segments_, layer, dy, Absent::kIdentity, select);
}

bool AdapterHooks::has_after_encoder() const {
  return any_module(segments_, select_after_encoder(adapters_));
}

at::Tensor AdapterHooks::after_encoder(const Pass& pass, const at::Tensor& y) {
  return forward_segments(pass, segments_, num_layers_, y, Absent::kIdentity,
                          select_after_encoder(adapters_));
}

at::Tensor AdapterHooks::after_encoder_backward(const Pass& pass, const at::Tensor& dy) {
  return backward_segments(pass, segments_, num_layers_, dy, Absent::kIdentity,
                           select_after_encoder(adapters_));
}

}  // namespace pals
