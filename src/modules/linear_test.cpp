// Dense layers that are folded into one.
#include "modules/linear.h"

#include "kernels/kernel_test.h"

namespace pals {
namespace {

using testing::random;

constexpr int64_t kIn = 96, kInner = 34, kOut = 17;  // of each of the second layer's parts

struct Layers {
  ParameterTable table, folded_table;
  Linear first, second, folded;

  Layers()
      : first(table, "down.", {"dense"}, kIn, kInner),
        second(table, "", {"query", "key", "value"}, kInner, kOut),
        folded(folded_table, "", {"query", "key", "value"}, kIn, kOut) {
    table.lay_out();
    folded_table.lay_out();
  }
};

// Rounding is all that differs. With u = 2^-9, half a unit of bf16, folding rounds each weight once
// (u |W'| |x|) and the result once (u |y|), each of at most 1 + u.
TEST(Linear, FoldedIsBothInTurn) {
  const Layers layers;
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    ParameterArena arena(layers.table, type), folded(layers.folded_table, type);
    arena.weights().copy_(random({layers.table.total()}, 1) * 0.2);
    layers.folded.fold(layers.first, layers.second, arena, folded);
    folded.refresh_shadow();

    const at::Tensor x = random({9, kIn}, 2).to(type), wide = x.to(at::kDouble);
    const Pass pass{folded, type, {}, {}}, exact{arena, at::kFloat, {}, {}};
    const auto weight = [&](const ParameterArena& of, const char* name, int64_t out, int64_t in) {
      return of.fused_weight(of.table().find(name), {out, in}, at::kFloat).to(at::kDouble);
    };
    const at::Tensor d = weight(arena, "down.dense.weight", kInner, kIn),
                     qkv = weight(arena, "query.weight", 3 * kOut, kInner),
                     inner = at::mm(wide, d.t()) + layers.first.bias(exact);
    const at::Tensor expected = at::mm(inner, qkv.t()) + layers.second.bias(exact);
    const at::Tensor got = layers.folded.forward(pass, x).to(at::kDouble);
    const double u = type == at::kFloat ? 1e-6 : 1.0 / 512;
    const at::Tensor bound =
        1.01 * u *
        (at::mm(wide.abs(), at::mm(qkv, d).abs().t()) +
         layers.folded.bias({folded, at::kFloat, {}, {}}).abs() + expected.abs() + 0.01);
    EXPECT_TRUE(((got - expected).abs() <= bound).all().item<bool>());
    // The queries' part and the others', as a narrowed pass computes them.
    const at::Tensor keys = layers.folded.parts(1, 2).forward(pass, x).to(at::kDouble);
    EXPECT_TRUE(
        ((keys - expected.narrow(1, kOut, 2 * kOut)).abs() <= bound.narrow(1, kOut, 2 * kOut))
            .all()
            .item<bool>());
  }
  ParameterArena arena(layers.table, at::kFloat), folded(layers.folded_table, at::kFloat);
  EXPECT_THROW(layers.folded.fold(layers.second, layers.first, arena, folded), c10::Error);
}

}  // namespace
}  // namespace pals
