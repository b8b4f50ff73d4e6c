#include "modules/low_rank_term.h"

#include <algorithm>

namespace pals {

LowRankTerm::LowRankTerm(ParameterTable& table, const std::string& prefix, const Layer& layer,
                         int64_t rank, double scale, int owner)
    : scale_(scale) {
  const auto add_row = [&](const char* name, std::vector<int64_t> shape, Init init) {
    Parameter row;
    row.name = prefix + name;
    row.shape = std::move(shape);
    row.owner = owner;
    row.init = init;
    return table.add(std::move(row));
  };
  a_ = add_row("lora_A.weight", {rank, layer.in_features}, Init::kFanIn);
  b_ = add_row("lora_B.weight", {layer.out_features, rank}, Init::kZero);
}

at::Tensor LowRankTerm::weight(const Pass& pass, ParameterId id, at::ScalarType type) const {
  return pass.arena.fused_weight(id, pass.arena.table()[id].shape, type);
}

at::Tensor LowRankTerm::inner(const Pass& pass, const at::Tensor& x) const {
  const at::Tensor a = weight(pass, a_, x.scalar_type());
  at::Tensor inner =
      pass.packed != nullptr ? pass.packed->product(a_, a, x, {}) : times_transposed(x, a, {});
  return inner.mul_(scale_);
}

at::Tensor LowRankTerm::inner_gradient(const Pass& pass, const at::Tensor& dy) const {
  return times(dy, weight(pass, b_, dy.scalar_type())).mul_(scale_);
}

void LowRankTerm::add(const Pass& pass, const at::Tensor& x, at::Tensor y) const {
  const at::Tensor b = weight(pass, b_, x.scalar_type()), low = inner(pass, x);
  y.add_(pass.packed != nullptr ? pass.packed->product(b_, b, low, {})
                                : times_transposed(low, b, {}));
}

void LowRankTerm::backward_weight(const Pass& pass, const at::Tensor& dy,
                                  const at::Tensor& x) const {
  at::Tensor da = pass.arena.gradient(a_), db = pass.arena.gradient(b_);
  if (!da.defined()) return;
  add_transposed_times(db, dy, inner(pass, x));
  add_transposed_times(da, inner_gradient(pass, dy), x);
}

void LowRankTerm::backward_input_add(const Pass& pass, const at::Tensor& dy, at::Tensor& dx) const {
  add_times(dx, inner_gradient(pass, dy), weight(pass, a_, dy.scalar_type()));
}

void LowRankTerm::fold(const ParameterArena& arena, at::Tensor weight) const {
  const at::Tensor a = arena.weight(a_).to(at::kDouble), b = arena.weight(b_).to(at::kDouble);
  weight.copy_(weight.to(at::kDouble) + at::mm(b, a).mul_(scale_));
}

bool has_terms(const Pass& pass, ParameterId weight, int64_t parts) {
  return pass.terms != nullptr &&
         std::ranges::any_of(*pass.terms, [&](const SegmentTerms& segment) {
           const auto first = segment.terms->lower_bound(weight);
           return first != segment.terms->end() && first->first < weight + parts;
         });
}

std::vector<PlacedTerm> placed_terms(const Pass& pass, int64_t rows, ParameterId weight,
                                     int64_t parts) {
  std::vector<PlacedTerm> placed;
  if (!has_terms(pass, weight, parts)) return placed;
  const bool of_tokens = rows == pass.num_tokens();
  TORCH_CHECK(of_tokens || rows == pass.num_queries(), "low-rank terms: a product of ", rows,
              " rows");
  const at::Tensor& offsets = of_tokens ? pass.rows.host_cu_seqlens : pass.rows.host_cu_queries;
  // A recorded pass, of one task, has rows of filler, too.
  const bool whole = pass.terms->size() == 1;
  const int32_t* cu = whole ? nullptr : offsets.const_data_ptr<int32_t>();
  for (const SegmentTerms& segment : *pass.terms) {
    const int64_t first = whole ? 0 : cu[segment.segment.first_row] - cu[0];
    const int64_t last = whole ? rows : cu[segment.segment.last_row] - cu[0];
    for (ParameterId part = 0; part < parts; ++part) {
      const auto term = segment.terms->find(weight + part);
      if (term == segment.terms->end()) continue;
      placed.push_back({term->second, pass.of_task(segment.own), first, last - first, part});
    }
  }
  return placed;
}

}  // namespace pals
