#include "adapters/adapter_hooks.h"

#include <algorithm>
#include <span>
#include <utility>

namespace pals {
namespace {

// What a token without a module gets: nothing (a term) or itself (a replacement).
enum class Absent { kZero, kIdentity };

struct Tasks {
  const std::vector<TaskAdapter>& adapters;
  const std::vector<Segment>& segments;

  const TaskAdapter& of(int task) const { return adapters[static_cast<size_t>(task)]; }
};

// What a task's module reads, and the pass over it.
struct Source {
  Pass pass;
  at::Tensor x;
};

template <typename Select>
bool any_module(const std::vector<Segment>& segments, const Select& select) {
  return std::any_of(segments.begin(), segments.end(),
                     [&](const Segment& segment) { return select(segment.task) != nullptr; });
}

// How many of the first of these segments one module can stand for, with each segment's own
// weights, where that is faster than one by one; at least one.
template <typename Select>
size_t count_together(const Pass& pass, const Tasks& tasks, std::span<const Segment> segments,
                      const at::Tensor& x, const Select& select) {
  if (pass.tape != nullptr || !groups_dense(x)) return 1;
  const int group = tasks.of(segments.front().task).group;
  const auto alone = std::ranges::find_if_not(segments, [&](const Segment& segment) {
    const AdapterModule* module = select(segment.task);
    return module != nullptr && module->takes_segments() && tasks.of(segment.task).group == group;
  });
  return std::max<size_t>(1, static_cast<size_t>(alone - segments.begin()));
}

// Segments as one, and as parts of that.
struct Run {
  Segment whole;
  std::vector<Segment> parts;
};

Run run_of(std::span<const Segment> segments) {
  Run run{segments.front(), {}};
  run.whole.last_row = segments.back().last_row;
  for (Segment part : segments) {
    part.first_row -= run.whole.first_row;
    part.last_row -= run.whole.first_row;
    run.parts.push_back(part);
  }
  return run;
}

// Applies each segment's module to its tokens: [Q, H]. `select(task)` gives the module or null,
// `source_of(task)` its Source of all rows.
template <typename Select, typename SourceOf>
at::Tensor forward_segments(const Pass& pass, const Tasks& tasks, int layer, Absent absent,
                            const Select& select, const SourceOf& source_of) {
  const std::span<const Segment> segments = tasks.segments;
  at::Tensor y;
  for (size_t first = 0, count = 1; first < segments.size(); first += count) {
    const int task = segments[first].task;
    const AdapterModule* module = select(task);
    const Source source = source_of(task);
    count = count_together(source.pass, tasks, segments.subspan(first), source.x, select);
    const Pass own = source.pass.of_task(tasks.of(task).own);
    if (count == segments.size() && module != nullptr) {
      Pass whole = own;
      if (count > 1) whole.segments = &tasks.segments;
      return module->forward(whole, layer, source.x);
    }
    const Run run = run_of(segments.subspan(first, count));
    Pass part = own.slice(run.whole);
    if (count > 1) part.segments = &run.parts;
    const at::Tensor in = source.pass.tokens_of(source.x, run.whole);
    if (!y.defined()) y = pass.empty({pass.num_queries(), in.size(1)});
    at::Tensor out = pass.queries_of(y, run.whole);
    if (module != nullptr) {
      out.copy_(module->forward(part, layer, in));
    } else if (absent == Absent::kZero) {
      out.zero_();
    } else {
      out.copy_(part.queries(in));
    }
  }
  return y;
}

// Where the gradient of what a task's module reads goes, undefined at first, and the pass over it.
struct Sink {
  Pass pass;
  at::Tensor& dx;
};

// The same backward; `sink_of(task)` gives the task's Sink.
template <typename Select, typename SinkOf>
void backward_segments(const Pass& pass, const Tasks& tasks, int layer, const at::Tensor& dy,
                       Absent absent, const Select& select, const SinkOf& sink_of) {
  const std::vector<Segment>& segments = tasks.segments;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    const AdapterModule* module = select(segment->task);
    const Sink sink = sink_of(segment->task);
    const Pass own = sink.pass.of_task(tasks.of(segment->task).own);
    if (segments.size() == 1 && module != nullptr) {
      sink.dx = module->backward(own, layer, dy);
      return;
    }
    if (!sink.dx.defined()) sink.dx = pass.zeros({sink.pass.num_tokens(), dy.size(1)});
    const Pass part = own.slice(*segment);
    const at::Tensor in = pass.queries_of(dy, *segment);
    at::Tensor out = sink.pass.tokens_of(sink.dx, *segment);
    if (module != nullptr) {
      out.copy_(module->backward(part, layer, in));
    } else if (absent == Absent::kIdentity) {
      part.add_to_queries(out, in);
    }
  }
}

// The same where all modules read x.
template <typename Select>
at::Tensor forward_segments(const Pass& pass, const Tasks& tasks, int layer, const at::Tensor& x,
                            Absent absent, const Select& select) {
  return forward_segments(pass, tasks, layer, absent, select, [&](int /*task*/) {
    return Source{pass, x};
  });
}

template <typename Select>
at::Tensor backward_segments(const Pass& pass, const Tasks& tasks, int layer, const at::Tensor& dy,
                             Absent absent, const Select& select) {
  at::Tensor dx;
  backward_segments(pass, tasks, layer, dy, absent, select, [&](int /*task*/) {
    return Sink{pass, dx};
  });
  return dx;
}

auto select_from(const std::vector<TaskAdapter>& adapters, AdapterModules TaskAdapter::*place,
                 int layer) {
  return [&adapters, place, layer](int task) -> const AdapterModule* {
    return (adapters[static_cast<size_t>(task)].*place)[static_cast<size_t>(layer)].get();
  };
}

auto select_dense(const std::vector<TaskAdapter>& adapters, LayerBlock block, int layer,
                  TermReads reads) {
  return [&adapters, block, layer, reads](int task) -> const AdapterModule* {
    const DenseTerms& terms = adapters[static_cast<size_t>(task)].dense_terms(block);
    return terms.reads == reads ? terms.modules[static_cast<size_t>(layer)].get() : nullptr;
  };
}

auto select_after_encoder(const std::vector<TaskAdapter>& adapters) {
  return [&adapters](int task) -> const AdapterModule* {
    return adapters[static_cast<size_t>(task)].after_encoder.get();
  };
}

}  // namespace

AdapterHooks::AdapterHooks(const std::vector<TaskAdapter>& adapters,
                           const std::vector<Segment>& segments, int num_layers)
    : adapters_(adapters), segments_(segments), num_layers_(num_layers) {
  for (const Segment& segment : segments) {
    const TaskAdapter& adapter = of(segment.task);
    terms_.push_back({segment, &adapter.terms, adapter.own});
  }
}

const std::vector<SegmentTerms>* AdapterHooks::terms() const {
  const bool any = std::ranges::any_of(
      terms_, [](const SegmentTerms& segment) { return !segment.terms->empty(); });
  return any ? &terms_ : nullptr;
}

int AdapterHooks::trains_from(const ParameterTable& table) const {
  if (table.shared_trains()) return -1;
  int first = num_layers_;
  for (const Segment& segment : segments_) first = std::min(first, of(segment.task).first_layer);
  return first;
}

std::vector<TokenRun> AdapterHooks::dense_term_runs(const Pass& pass, LayerBlock block,
                                                    int layer) const {
  const auto reads = [&](int task) {
    const DenseTerms& terms = of(task).dense_terms(block);
    return terms.modules[static_cast<size_t>(layer)] != nullptr ? terms.reads : TermReads::kNothing;
  };
  if (segments_.size() == 1) return {{0, pass.num_tokens(), reads(segments_.front().task)}};
  std::vector<TokenRun> runs;
  int64_t first = 0;
  for (const Segment& segment : segments_) {
    const int64_t count = pass.tokens_of(pass.rows.token_keys, segment).size(0);
    if (runs.empty() || runs.back().reads != reads(segment.task)) {
      runs.push_back({first, 0, reads(segment.task)});
    }
    runs.back().count += count;
    first += count;
  }
  return runs;
}

at::Tensor AdapterHooks::dense_term(const Pass& pass, LayerBlock block, int layer, TermReads reads,
                                    const at::Tensor& x) {
  return forward_segments(pass, {adapters_, segments_}, layer, x, Absent::kZero,
                          select_dense(adapters_, block, layer, reads));
}

void AdapterHooks::dense_term_backward(const Pass& pass, LayerBlock block, int layer,
                                       TermReads reads, const at::Tensor& d_term, at::Tensor& dx) {
  dx.add_(backward_segments(pass, {adapters_, segments_}, layer, d_term, Absent::kZero,
                            select_dense(adapters_, block, layer, reads)));
}

const AttendingModule* AdapterHooks::module_beside(const Pass& pass, int layer,
                                                   const at::Tensor& x) const {
  const int task = segments_.front().task;
  if (of(task).feed_forward_reads_attention || !joins_attention(x)) return nullptr;
  const auto select = select_from(adapters_, &TaskAdapter::feed_forward_term, layer);
  const size_t together = count_together(pass, {adapters_, segments_}, segments_, x, select);
  const AdapterModule* module = together == segments_.size() ? select(task) : nullptr;
  return module != nullptr ? module->attending() : nullptr;
}

Pass AdapterHooks::of_all_segments(const Pass& pass) const {
  Pass all = pass.of_task(of(segments_.front().task).own);
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
      ->finish_backward(of_all_segments(pass), layer,
                        std::exchange(state_, AttendingModule::State()));
}

bool AdapterHooks::term_attends_to_attention(int layer) const {
  const auto select = select_from(adapters_, &TaskAdapter::feed_forward_term, layer);
  return std::ranges::any_of(segments_, [&](const Segment& segment) {
    const AdapterModule* module = select(segment.task);
    return module != nullptr && module->attends() && of(segment.task).feed_forward_reads_attention;
  });
}

Pass AdapterHooks::term_pass(const Pass& pass, int layer, int task) const {
  const bool of_queries =
      of(task).feed_forward_reads_attention && !term_attends_to_attention(layer);
  return of_queries ? pass.of_queries() : pass;
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
      pass, {adapters_, segments_}, layer, Absent::kZero, select, [&](int task) {
        return Source{term_pass(pass, layer, task), of(task).feed_forward_reads_attention
                                                        ? activations.attention_output
                                                        : activations.layer_input};
      });
}

void AdapterHooks::feed_forward_term_backward(const Pass& pass, int layer, const at::Tensor& d_term,
                                              LayerActivations& gradients) {
  const auto select = select_from(adapters_, &TaskAdapter::feed_forward_term, layer);
  if (!any_module(segments_, select)) return;
  beside_ = module_beside(pass, layer, d_term);
  if (beside_ != nullptr) {
    state_ = beside_->begin_backward(of_all_segments(pass), layer, d_term);
    return;
  }
  backward_segments(
      pass, {adapters_, segments_}, layer, d_term, Absent::kZero, select, [&](int task) {
        return Sink{term_pass(pass, layer, task), of(task).feed_forward_reads_attention
                                                      ? gradients.attention_output
                                                      : gradients.layer_input};
      });
}

at::Tensor AdapterHooks::after_layer(const Pass& pass, int layer, const at::Tensor& y) {
  const auto select = select_from(adapters_, &TaskAdapter::after_layer, layer);
  if (!any_module(segments_, select)) return y;
  return forward_segments(pass, {adapters_, segments_}, layer, y, Absent::kIdentity, select);
}

at::Tensor AdapterHooks::after_layer_backward(const Pass& pass, int layer, const at::Tensor& dy) {
  const auto select = select_from(adapters_, &TaskAdapter::after_layer, layer);
  if (!any_module(segments_, select)) return dy;
  return backward_segments(pass, {adapters_, segments_}, layer, dy, Absent::kIdentity, select);
}

bool AdapterHooks::has_after_encoder() const {
  return any_module(segments_, select_after_encoder(adapters_));
}

at::Tensor AdapterHooks::after_encoder(const Pass& pass, const at::Tensor& y) {
  return forward_segments(pass, {adapters_, segments_}, num_layers_, y, Absent::kIdentity,
                          select_after_encoder(adapters_));
}

at::Tensor AdapterHooks::after_encoder_backward(const Pass& pass, const at::Tensor& dy) {
  return backward_segments(pass, {adapters_, segments_}, num_layers_, dy, Absent::kIdentity,
                           select_after_encoder(adapters_));
}

}  // namespace pals
