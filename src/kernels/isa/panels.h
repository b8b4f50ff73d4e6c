// Dense matrix products: C (+)= A B^T, on copies of A and B in panels. A panel holds some rows of
// one matrix at all depths, unit by unit: [depth / kUnit][rows][kUnit], where a unit is one float,
// two neighbouring bf16 or four bytes (what one dot product instruction takes in a lane). Each tile
// of C is the work of one thread, in one order of depths: results do not depend on the number of
// threads.
// See vector.h for how these files are compiled.
#pragma once

#include <type_traits>

#include "kernels/isa/transpose.h"
#include "kernels/isa/vector.h"

#if defined(__AVX2__)

namespace pals::isa::PALS_ISA_NAME {

// A tile of C: kPanelRows x kPanelVectors accumulators, kPanelVectors of B and one element of A
// fill the 32 (AVX2: 16) registers.
constexpr int kPanelVectors = 2;
constexpr int kPanelRows = kLanes == 16 ? 14 : 6;
constexpr int kPanelColumns = kPanelVectors * kLanes;

// Depth, in units, of the part of a panel that is multiplied at once where C takes sums in between:
// B's part is at most 160 KiB, and stays in the second cache with the block of A's parts.
constexpr int64_t kDepthUnits = 1280;
constexpr int64_t kBlockBytes = 256 * 1024;

template <typename T>
constexpr int kUnit = static_cast<int>(sizeof(float) / sizeof(T));

/// Units that so many depths make; the last one may not be whole.
template <typename T>
PALS_INLINE int64_t units_of(int64_t depth) {
  return (depth + kUnit<T> - 1) / kUnit<T>;
}

template <typename T>
constexpr bool kIsBytes = sizeof(T) == 1;

PALS_INLINE VecF multiply_add(VecF sum, const float* a, VecF b) { return sum + broadcast(*a) * b; }

#if defined(__AVX512BF16__)
// Lanes of two bf16 each, in the form of floats.
PALS_INLINE VecF dot_add(VecF sum, const float* a, VecF b) {
  return reinterpret_cast<VecF>(_mm512_dpbf16_ps(reinterpret_cast<__m512>(sum),
                                                 reinterpret_cast<__m512bh>(broadcast(*a)),
                                                 reinterpret_cast<__m512bh>(b)));
}
#endif

#if defined(__AVX512VNNI__)
// Lanes of four bytes each: those of A without a sign, those of B with one.
PALS_INLINE VecI dot_add(VecI sum, const float* a, VecF b) {
  return reinterpret_cast<VecI>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum),
                                                    reinterpret_cast<__m512i>(broadcast(*a)),
                                                    reinterpret_cast<__m512i>(b)));
}
#endif

// What sums of a row and of kLanes columns begin with, and what becomes of them.
PALS_INLINE void begin_sum(VecF& sum, const PanelProduct&, int64_t) { sum = VecF{}; }
PALS_INLINE void begin_sum(VecI& sum, const PanelProduct& p, int64_t column) {
  sum = bits(load(reinterpret_cast<const float*>(p.starts + column), Full{}));
}
PALS_INLINE VecF end_sum(VecF sum, const PanelProduct&, int64_t, int64_t) { return sum; }
PALS_INLINE VecF end_sum(VecI sum, const PanelProduct& p, int64_t row, int64_t column) {
  return __builtin_convertvector(sum, VecF) *
         (load(p.column_scales + column, Full{}) * p.row_scales[row]);
}

template <typename Out, typename Span>
PALS_INLINE void put_tile_vector(Out* c, VecF sum, const float* bias, bool add, Span span) {
  if (bias != nullptr) sum += load(bias, span);
  if (add) sum += load(c, span);
  store(c, sum, span);
}

/// Depths [from, from + count), in units, of the tile at (row, column).
template <typename T, typename Out, int Rows>
static void multiply_tile(const PanelProduct& p, int64_t row, int64_t column, int64_t from,
                          int64_t count) {
  const int64_t units = units_of<T>(p.depth);
  const float* a = static_cast<const float*>(p.a) + row * units + from * Rows;
  const float* b = static_cast<const float*>(p.b) + column * units + from * kPanelColumns;
  std::conditional_t<kIsBytes<T>, VecI, VecF> sum[Rows][kPanelVectors];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kPanelVectors; ++j) begin_sum(sum[i][j], p, column + j * kLanes);
  }
  for (int64_t k = 0; k < count; ++k, a += Rows, b += kPanelColumns) {
    VecF units_of_b[kPanelVectors];
#pragma GCC unroll 2
    for (int j = 0; j < kPanelVectors; ++j) units_of_b[j] = load(b + j * kLanes, Full{});
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 2
      for (int j = 0; j < kPanelVectors; ++j) {
        if constexpr (kUnit<T> == 1) {
          sum[i][j] = multiply_add(sum[i][j], a + i, units_of_b[j]);
        } else {
          sum[i][j] = dot_add(sum[i][j], a + i, units_of_b[j]);
        }
      }
    }
  }
  const bool add = p.add || from > 0;
#pragma GCC unroll 2
  for (int j = 0; j < kPanelVectors; ++j) {
    const int64_t first = column + j * kLanes, left = p.columns - first;
    const float* bias = p.bias == nullptr || from > 0 ? nullptr : p.bias + first;
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      Out* target = static_cast<Out*>(p.c) + (row + i) * p.c_stride + first;
      const VecF values = end_sum(sum[i][j], p, row + i, first);
      if (left >= kLanes) {
        put_tile_vector(target, values, bias, add, Full{});
      } else if (left > 0) {
        put_tile_vector(target, values, bias, add, Partial{static_cast<int>(left)});
      }
    }
  }
}

using TileFunction = void (*)(const PanelProduct&, int64_t, int64_t, int64_t, int64_t);

/// multiply_tile of a last panel's `rows` rows, or of a whole panel's.
template <typename T, typename Out, int Rows = kPanelRows>
static TileFunction tile_function(int64_t rows) {
  if constexpr (Rows > 1) {
    if (rows < Rows) return tile_function<T, Out, Rows - 1>(rows);
  }
  return multiply_tile<T, Out, Rows>;
}

/// Tiles [begin, end) of C, numbered so that a run of tiles shares what the caches hold: by blocks
/// of A's panels, then by B's panels, then by the panels of the block.
template <typename T, typename Out>
static void multiply_panels(const PanelProduct& p, int64_t begin, int64_t end) {
  const int64_t units = units_of<T>(p.depth);
  // Sums in between are floats: where C or they are not, panels are multiplied at one go.
  const bool fits = sizeof(Out) != sizeof(float) || kIsBytes<T> || units <= kDepthUnits;
  const int64_t parts = fits ? 1 : (units + kDepthUnits - 1) / kDepthUnits;
  const int64_t part = (units + parts - 1) / parts;
  const int64_t a_panels = (p.rows + kPanelRows - 1) / kPanelRows;
  const int64_t b_panels = (p.columns + kPanelColumns - 1) / kPanelColumns;
  const int64_t fitting = kBlockBytes / (part * kPanelRows * 4 + 1);
  const int64_t in_block = fitting > 0 ? fitting : 1;
  for (int64_t i = 0; i < parts; ++i) {
    const int64_t from = i * part, count = units - from < part ? units - from : part;
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t first = tile / (in_block * b_panels) * in_block,
                    in_it = tile - first * b_panels;
      const int64_t size = a_panels - first < in_block ? a_panels - first : in_block;
      const int64_t row = (first + in_it % size) * kPanelRows,
                    column = in_it / size * kPanelColumns;
      const int64_t rows = p.rows - row < kPanelRows ? p.rows - row : kPanelRows;
      tile_function<T, Out>(rows)(p, row, column, from, count);
    }
  }
}

// Panels whose source has neighbouring depths side by side: a transposition of units. A last unit
// that is not whole is filled with 0. Narrow panels are written in whole vectors, too, as far as
// what they spill over is written afterwards.
template <typename T>
static void pack_rows(const T* x, int64_t stride, int64_t rows, int64_t depth, int64_t width,
                      float* out) {
  const int64_t whole_units = depth / kUnit<T>, units = units_of<T>(depth);
  const float* const end = out + units * width;
  int64_t unit = 0;
  for (; unit + kTile <= whole_units; unit += kTile) {
    for (int64_t row = (width - 1) / kTile * kTile; row >= 0; row -= kTile) {
      TileRow tile[kTile];
      for (int i = 0; i < kTile; ++i) {
        tile[i] = row + i < rows ? _mm256_loadu_ps(reinterpret_cast<const float*>(
                                       x + (row + i) * stride + unit * kUnit<T>))
                                 : TileRow{};
      }
      transpose_tile(tile);
      float* to = out + unit * width + row;
      for (int i = 0; i < kTile; ++i, to += width) {
        if (row + kTile <= width || to + kTile <= end) {
          store_tile_row(to, tile[i]);
        } else {
          for (int64_t j = 0; j < width - row; ++j) to[j] = tile[i][j];
        }
      }
    }
  }
  T* const rest = reinterpret_cast<T*>(out);
  for (int64_t k = unit * kUnit<T>; k < units * kUnit<T>; ++k) {
    for (int64_t row = 0; row < width; ++row) {
      const int64_t place = (k / kUnit<T> * width + row) * kUnit<T> + k % kUnit<T>;
      rest[place] = row < rows && k < depth ? x[row * stride + k] : T{};
    }
  }
}

// The unit at depth k of each row: two bf16 as the halves of a float.
template <typename Span>
PALS_INLINE VecF packed_units(const float* x, int64_t, bool, Span span) {
  return load(x, span);
}
template <typename Span>
PALS_INLINE VecF packed_units(const uint16_t* x, int64_t stride, bool is_pair, Span span) {
  const VecI second = is_pair ? bits(load(x + stride, span)) : VecI{};
  return from_bits(((bits(load(x, span)) >> 16) & 0xFFFF) | second);
}

// Panels whose source has neighbouring rows side by side.
template <typename T>
static void pack_columns(const T* x, int64_t stride, int64_t rows, int64_t depth, int64_t width,
                         float* out) {
  const float* const end = out + units_of<T>(depth) * width;
  for (int64_t k = 0; k < depth; k += kUnit<T>, out += width) {
    const T* from = x + k * stride;
    for_columns(
        rows, [&](int64_t row, auto span) __attribute__((always_inline)) {
          const VecF units = packed_units(from + row, stride, k + 1 < depth, span);
          if (kLanes < 16 && out + row + kLanes <= end) {  // AVX-512 has better for narrow panels
            store(out + row, units, Full{});
          } else {
            store(out + row, units, span);
          }
        });
    for (int64_t row = rows; row < width; ++row) out[row] = 0.0F;
  }
}

/// Panels [begin, end): of A the last one is as wide as the rows that are left, of B all have
/// kPanelColumns rows, of zeros where the matrix ends. Bytes lie side by side in a row.
template <typename T>
static void pack_panels(const PackArgs& p, int64_t begin, int64_t end) {
  const int64_t units = units_of<T>(p.depth);
  const int64_t panel = p.is_b ? kPanelColumns : kPanelRows;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t first = i * panel, left = p.rows - first, rows = left < panel ? left : panel;
    const int64_t width = p.is_b ? panel : rows;
    float* out = static_cast<float*>(p.out) + first * units;
    const T* x = static_cast<const T*>(p.x);
    if (kIsBytes<T> || p.depth_stride == 1) {
      pack_rows(x + first * p.row_stride, p.row_stride, rows, p.depth, width, out);
    } else if constexpr (!kIsBytes<T>) {
      pack_columns(x + first * p.row_stride, p.depth_stride, rows, p.depth, width, out);
    }
  }
}

}  // namespace pals::isa::PALS_ISA_NAME

#endif
