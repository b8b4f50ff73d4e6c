// LoRA (Hu et al. 2021): a task's low-rank term beside the product of a shared dense layer.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "modules/pass.h"

namespace pals {

/// x Aᵀ Bᵀ · scale beside x Wᵀ, in x's type. Passes are those of the task's own parameters.
class LowRankTerm {
 public:
  /// What the term stands beside.
  struct Layer {
    int64_t in_features = 0, out_features = 0;
  };

  /// Registers `<prefix>lora_A.weight` [rank, in] and `<prefix>lora_B.weight` [out, rank]; B is
  /// zero at the start.
  LowRankTerm(ParameterTable& table, const std::string& prefix, const Layer& layer, int64_t rank,
              double scale, int owner);

  /// y [M, out] += the term of x [M, in].
  void add(const Pass& pass, const at::Tensor& x, at::Tensor y) const;
  /// Adds the gradients of A and B, from that of y and from x.
  void backward_weight(const Pass& pass, const at::Tensor& dy, const at::Tensor& x) const;
  /// dx += the gradient that reaches x through the term.
  void backward_input_add(const Pass& pass, const at::Tensor& dy, at::Tensor& dx) const;
  /// weight [out, in] fp32 += B A · scale, from the parameters in `arena`.
  void fold(const ParameterArena& arena, at::Tensor weight) const;

 private:
  at::Tensor weight(const Pass& pass, ParameterId id, at::ScalarType type) const;
  /// x Aᵀ · scale [M, rank], and dy B · scale.
  at::Tensor inner(const Pass& pass, const at::Tensor& x) const;
  at::Tensor inner_gradient(const Pass& pass, const at::Tensor& dy) const;

  ParameterId a_ = -1, b_ = -1;
  double scale_ = 1.0;
};

/// A task's terms, by the weights that they stand beside.
using LowRankTerms = std::map<ParameterId, LowRankTerm>;

/// The terms of a segment's task (Pass::terms).
struct SegmentTerms {
  Segment segment;
  const LowRankTerms* terms = nullptr;
  const TaskParameters* own = nullptr;  ///< not null: where the task's parameters are
};

/// A term with the part of a product that it is added to.
struct PlacedTerm {
  const LowRankTerm& term;
  Pass pass;  ///< of the task's parameters
  int64_t first_row, rows;
  int64_t part;
};

/// The terms of a dense layer of `parts` parts, the first of them with this weight, in a product of
/// `rows` rows: all of the pass's tokens, or all of its queries.
std::vector<PlacedTerm> placed_terms(const Pass& pass, int64_t rows, ParameterId weight,
                                     int64_t parts);
/// Whether there are any.
bool has_terms(const Pass& pass, ParameterId weight, int64_t parts);

}  // namespace pals
