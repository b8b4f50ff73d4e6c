#include "kernels/panels.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

#include "base/cpu.h"
#include "kernels/cpu_isa.h"

namespace pals::cpu {
namespace {

// What a thread should have to do before another one is woken: operations, and elements to copy.
constexpr int64_t kWorthwhileOperations = 1 << 21, kWorthwhileCopies = 1 << 14;
// Reading a panel of B from memory takes as long as multiplying by this many rows.
constexpr int64_t kReadingRows = 8;
// Products of 255 and 127 whose sum is below 2^31.
constexpr int64_t kMaxByteDepth = 65000;
constexpr int64_t kAlignment = 16;  // of panels' beginnings, in floats

/// run(begin, end) on pieces of [0, count): threads take piece after piece, each a share of what is
/// left then, so that all end together though the machine slows one of them down.
template <typename Run>
void share_out(int64_t count, int64_t grain, const Run& run) {
  const int64_t threads = std::min<int64_t>(at::get_num_threads(), (count + grain - 1) / grain);
  if (threads <= 1 || at::in_parallel_region()) return run(0, count);
  std::atomic<int64_t> next = 0;
  at::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
    for (int64_t begin = next; begin < count;) {
      const int64_t share = std::max(grain, (count - begin) / (2 * threads));
      const int64_t end = std::min(count, begin + share);
      if (!next.compare_exchange_weak(begin, end)) continue;
      run(begin, end);
      begin = next;
    }
  });
}

int64_t rounded_up(int64_t x, int64_t to) { return (x + to - 1) / to * to; }

const isa::PanelKernels& panels_of(at::ScalarType type) {
  const isa::CpuKernels& table = kernels();
  const isa::PanelKernels& panels = type == at::kFloat      ? table.fp32_panels
                                    : type == at::kBFloat16 ? table.bf16_panels
                                                            : table.byte_panels;
  const bool is_bytes = type == at::kByte || type == at::kChar;
  TORCH_CHECK((type == at::kFloat || type == at::kBFloat16 || is_bytes) && panels, "no panels of ",
              type);
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

/// Packs all sides, as one piece of work.
void pack(const isa::PanelKernels& kernels, std::initializer_list<const Side*> sides) {
  int64_t panels = 0, copies = 1;  // of a panel
  for (const Side* side : sides) {
    panels += side->panels();
    copies = std::max(copies, side->panel * side->args.depth);
  }
  share_out(panels, std::max<int64_t>(1, kWorthwhileCopies / copies),
            [&](int64_t begin, int64_t end) {
              for (const Side* side : sides) {
                const int64_t own = side->panels();
                if (begin < own && end > 0) {
                  kernels.pack(side->args, std::max<int64_t>(0, begin), std::min(own, end));
                }
                begin -= own;
                end -= own;
              }
            });
}

/// Room for a right side's panels; the side, to fill it.
struct Unpacked {
  explicit Unpacked(const at::Tensor& b, const isa::PanelKernels& kernels)
      : side(b, kernels, true),
        panels{at::empty({side.floats}, at::kFloat), b.size(0), b.size(1), &kernels} {
    side.args.out = panels.units.data_ptr();
  }
  Side side;
  RightPanels panels;
};

/// C of the panels of both sides, which `product` describes but for the left one. `right`, if not
/// null, has yet to be packed into b.
void multiply(const at::Tensor& a, const Side* right, const RightPanels& b, at::Tensor& c,
              const at::Tensor& bias, isa::PanelProduct product) {
  const isa::PanelKernels& kernels = *b.kernels;
  TORCH_CHECK(a.size(1) == b.depth, "multiply_panels: depths ", a.size(1), " and ", b.depth);
  TORCH_CHECK(c.size(0) == a.size(0) && c.size(1) == b.columns && c.stride(1) == 1,
              "multiply_panels: the result's shape");
  if (c.numel() == 0) return;
  Side left(a, kernels, false);
  const at::Tensor units = at::empty({left.floats}, at::kFloat);
  left.args.out = units.data_ptr();
  if (right != nullptr) {
    pack(kernels, {right, &left});
  } else {
    pack(kernels, {&left});
  }

  const at::Tensor float_bias = bias.defined() ? bias.to(at::kFloat) : bias;
  product.a = left.args.out;
  product.b = b.units.const_data_ptr();
  product.rows = a.size(0);
  product.columns = b.columns;
  product.depth = b.depth;
  product.c = c.data_ptr();
  product.c_stride = c.stride(0);
  product.bias = float_bias.defined() ? float_bias.const_data_ptr<float>() : nullptr;
  const int64_t b_panels = (b.columns + kernels.b_panel - 1) / kernels.b_panel;
  const int64_t operations =
      2 * (std::min(product.rows, kernels.a_panel) + kReadingRows) * kernels.b_panel * b.depth;
  const auto run = c.scalar_type() == at::kFloat ? kernels.multiply_into_floats : kernels.multiply;
  share_out(left.panels() * b_panels,
            std::max<int64_t>(1, kWorthwhileOperations / std::max<int64_t>(1, operations)),
            [&](int64_t begin, int64_t end) { run(product, begin, end); });
}

void multiply_floats(const at::Tensor& a, const Side* right, const RightPanels& b, at::Tensor& c,
                     const at::Tensor& bias, bool add) {
  TORCH_CHECK(c.scalar_type() == a.scalar_type() || c.scalar_type() == at::kFloat,
              "multiply_panels: the result's type");
  isa::PanelProduct product;
  product.add = add;
  multiply(a, right, b, c, bias, product);
}

}  // namespace

bool takes_panels(at::ScalarType type) {
  if (type == at::kFloat) return kernels().fp32_panels && !cpu_features().intel;
  if (type == at::kByte) return kernels().byte_panels && !cpu_features().amx_int8;
  return type == at::kBFloat16 && kernels().bf16_panels && !cpu_features().amx_bf16;
}

RightPanels pack_right(const at::Tensor& b) {
  const isa::PanelKernels& kernels = panels_of(b.scalar_type());
  Unpacked right(b, kernels);
  pack(kernels, {&right.side});
  return right.panels;
}

void multiply_panels(const at::Tensor& a, const RightPanels& b, at::Tensor& c,
                     const at::Tensor& bias, bool add) {
  multiply_floats(a, nullptr, b, c, bias, add);
}

void multiply_panels(const at::Tensor& a, const at::Tensor& b, at::Tensor& c,
                     const at::Tensor& bias, bool add) {
  TORCH_CHECK(a.scalar_type() == b.scalar_type(), "multiply_panels: the sides differ");
  const Unpacked right(b, panels_of(b.scalar_type()));
  multiply_floats(a, &right.side, right.panels, c, bias, add);
}

BytePanels pack_right(const at::Tensor& b, const at::Tensor& scales) {
  TORCH_CHECK(b.scalar_type() == at::kChar && b.is_contiguous(), "pack_right: want bytes in rows");
  BytePanels packed = {pack_right(b), at::Tensor(), at::Tensor()};
  const int64_t more = rounded_up(b.size(0), packed.panels.kernels->b_panel) - b.size(0);
  packed.scales = at::constant_pad_nd(scales, {0, more});
  packed.starts = at::constant_pad_nd(b.sum(1, false, at::kInt).mul_(-kByteZero), {0, more});
  return packed;
}

void multiply_panels(const at::Tensor& a, const at::Tensor& scales, const BytePanels& b,
                     at::Tensor& c, const at::Tensor& bias) {
  TORCH_CHECK(a.scalar_type() == at::kByte && a.is_contiguous() &&
                  (c.scalar_type() == at::kBFloat16 || c.scalar_type() == at::kFloat),
              "multiply_panels: want bytes in rows, and a result in bf16 or fp32");
  TORCH_CHECK(scales.numel() == a.size(0), "multiply_panels: ", scales.numel(), " scales of ",
              a.size(0), " rows");
  TORCH_CHECK(a.size(1) <= kMaxByteDepth, "multiply_panels: sums of ", a.size(1), " bytes");
  isa::PanelProduct product;
  product.row_scales = scales.const_data_ptr<float>();
  product.column_scales = b.scales.const_data_ptr<float>();
  product.starts = b.starts.const_data_ptr<int32_t>();
  multiply(a, nullptr, b.panels, c, bias, product);
}

}  // namespace pals::cpu
