#include "nn/panels.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

#include "base/cpu.h"
#include "nn/blocks_cpu.h"

namespace pals::cpu {
namespace {

// What a thread should have to do before another one is woken: operations, and elements to copy.
constexpr int64_t kWorthwhileOperations = 1 << 21, kWorthwhileCopies = 1 << 14;
// Reading a panel of B from memory takes as long as multiplying by this many rows.
constexpr int64_t kReadingRows = 8;
constexpr int64_t kAlignment = 16;  // of panels' beginnings, in floats

/// run(begin, end) on pieces of [0, count): threads take piece after piece, so that none waits long
/// for another that the machine slowed down.
template <typename Run>
void share_out(int64_t count, int64_t grain, const Run& run) {
  constexpr int64_t kPiecesPerThread = 8;
  const int64_t threads = std::min<int64_t>(at::get_num_threads(), (count + grain - 1) / grain);
  if (threads <= 1 || at::in_parallel_region()) return run(0, count);
  const int64_t pieces = std::min((count + grain - 1) / grain, threads * kPiecesPerThread);
  std::atomic<int64_t> next = 0;
  at::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
    for (int64_t piece = next++; piece < pieces; piece = next++) {
      run(count * piece / pieces, count * (piece + 1) / pieces);
    }
  });
}

int64_t rounded_up(int64_t x, int64_t to) { return (x + to - 1) / to * to; }

const isa::PanelKernels& panels_of(at::ScalarType type) {
  const isa::PanelKernels& panels =
      type == at::kFloat ? kernels().fp32_panels : kernels().bf16_panels;
  TORCH_CHECK((type == at::kFloat || type == at::kBFloat16) && panels, "no panels of ", type);
  return panels;
}

/// One side of a product, and where its panels go.
struct Side {
  Side(const at::Tensor& x, const isa::PanelKernels& kernels, bool is_right)
      : source(x.stride(1) == 1 || x.stride(0) == 1 ? x : x.contiguous()),
        panel(is_right ? kernels.b_panel : kernels.a_panel) {
    args.x = source.const_data_ptr();
    args.rows = source.size(0);
    args.depth = source.size(1);
    args.row_stride = source.stride(0);
    args.depth_stride = source.stride(1);
    args.is_b = is_right;
    const int64_t units = (args.depth + kernels.unit - 1) / kernels.unit;
    floats = rounded_up((is_right ? rounded_up(args.rows, panel) : args.rows) * units, kAlignment);
  }
  int64_t panels() const { return (args.rows + panel - 1) / panel; }

  at::Tensor source;
  int64_t panel, floats = 0;
  isa::PackArgs args;
};

int64_t packing_grain(const Side& side) {
  return std::max<int64_t>(1,
                           kWorthwhileCopies / std::max<int64_t>(1, side.panel * side.args.depth));
}

}  // namespace

bool takes_panels(at::ScalarType type) {
  if (type == at::kFloat) return kernels().fp32_panels && !cpu_features().intel;
  return type == at::kBFloat16 && kernels().bf16_panels && !cpu_features().amx_bf16;
}

RightPanels pack_right(const at::Tensor& b) {
  const isa::PanelKernels& kernels = panels_of(b.scalar_type());
  Side side(b, kernels, true);
  RightPanels packed = {at::empty({side.floats}, at::kFloat), b.size(0), b.size(1), &kernels};
  side.args.out = packed.units.data_ptr();
  share_out(side.panels(), packing_grain(side),
            [&](int64_t begin, int64_t end) { kernels.pack(side.args, begin, end); });
  return packed;
}

void multiply_panels(const at::Tensor& a, const RightPanels& b, at::Tensor& c,
                     const at::Tensor& bias, bool add) {
  const isa::PanelKernels& kernels = *b.kernels;
  TORCH_CHECK(a.size(1) == b.depth, "multiply_panels: depths ", a.size(1), " and ", b.depth);
  TORCH_CHECK(c.size(0) == a.size(0) && c.size(1) == b.columns && c.stride(1) == 1,
              "multiply_panels: the result's shape");
  TORCH_CHECK(c.scalar_type() == a.scalar_type() || c.scalar_type() == at::kFloat,
              "multiply_panels: the result's type");
  if (c.numel() == 0) return;
  Side left(a, kernels, false);
  const at::Tensor units = at::empty({left.floats}, at::kFloat);
  left.args.out = units.data_ptr();
  share_out(left.panels(), packing_grain(left),
            [&](int64_t begin, int64_t end) { kernels.pack(left.args, begin, end); });

  const at::Tensor float_bias = bias.defined() ? bias.to(at::kFloat) : bias;
  isa::PanelProduct product;
  product.a = left.args.out;
  product.b = b.units.const_data_ptr();
  product.rows = a.size(0);
  product.columns = b.columns;
  product.depth = b.depth;
  product.c = c.data_ptr();
  product.c_stride = c.stride(0);
  product.bias = float_bias.defined() ? float_bias.const_data_ptr<float>() : nullptr;
  product.add = add;
  const int64_t b_panels = (b.columns + kernels.b_panel - 1) / kernels.b_panel;
  const int64_t operations =
      2 * (std::min(product.rows, kernels.a_panel) + kReadingRows) * kernels.b_panel * b.depth;
  const auto run =
      c.scalar_type() == a.scalar_type() ? kernels.multiply : kernels.multiply_into_floats;
  share_out(left.panels() * b_panels,
            std::max<int64_t>(1, kWorthwhileOperations / std::max<int64_t>(1, operations)),
            [&](int64_t begin, int64_t end) { run(product, begin, end); });
}

void multiply_panels(const at::Tensor& a, const at::Tensor& b, at::Tensor& c,
                     const at::Tensor& bias, bool add) {
  TORCH_CHECK(a.scalar_type() == b.scalar_type(), "multiply_panels: the sides differ");
  multiply_panels(a, pack_right(b), c, bias, add);
}

}  // namespace pals::cpu
