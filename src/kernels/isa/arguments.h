// The kernels' arguments, plain structs of raw pointers, and the CPU kernels of each instruction
// set. No torch and no standard library beyond fixed-width integers: the files below
// isa/ are compiled for instruction sets that the machine may lack, and an inline function shared
// with the rest of the program could be linked in from there.
#pragma once

#include <cstdint>

namespace pals::isa {

/// Dropout at one place (kernels/dropout.h). token_keys null: none.
struct DropoutArgs {
  const int32_t* token_keys = nullptr;
  uint64_t key = 0;
  uint32_t threshold = 0;
  float scale = 1.0F;
  const uint64_t* device_key = nullptr;  ///< CUDA kernels: the key's place, if it is on the device
};

/// A matrix of activations, float or bf16 (uint16_t): first element and row stride in elements.
struct Matrix {
  void* data = nullptr;
  int64_t stride = 0;
};

/// Numbered as pals::Activation.
enum ActivationKind : int { kGelu = 0, kGeluNew = 1, kRelu = 2, kSilu = 3 };

/// Column sums of a chunk of rows go to partial buffers [columns], which the kernels add to.
struct BiasActivationArgs {
  ActivationKind kind = kGelu;
  int64_t columns = 0;
  Matrix x;                     ///< forward: x in, u out; backward: u
  Matrix dy;                    ///< backward
  Matrix y;                     ///< forward: y; backward: du
  const float* bias = nullptr;  ///< forward
};

struct BiasDropoutArgs {
  int64_t columns = 0;
  Matrix x, y;                  ///< in, out (may be the same)
  const float* bias = nullptr;  ///< forward; may be null
  DropoutArgs dropout;
};

struct LayerNormArgs {
  int64_t columns = 0;
  Matrix x;                   ///< forward: x in, z out; backward: z
  Matrix residual, extra, y;  ///< forward; residual and extra may be null
  Matrix dy, dz, dx;          ///< backward; dx may be null
  const float* bias = nullptr;
  const float* gamma = nullptr;
  const float* beta = nullptr;
  float* mean = nullptr;
  float* rstd = nullptr;
  float epsilon = 0.0F;
  DropoutArgs dropout;
};

struct AttentionArgs {
  Matrix q, k, v, context;       ///< context: forward
  Matrix d_context, dq, dk, dv;  ///< backward
  const int32_t* cu_seqlens = nullptr;
  const int32_t* cu_queries = nullptr;  ///< cu_seqlens where every token is a query
  float* logsumexp = nullptr;           ///< [Q, num_heads]
  int64_t num_heads = 0, head_size = 0;
  float scale = 1.0F;
  DropoutArgs dropout;
};

struct EmbeddingArgs {
  const int32_t* token_ids = nullptr;
  const int32_t* position_ids = nullptr;
  const int32_t* token_type_ids = nullptr;
  float* word = nullptr;  ///< tables (forward) or their gradients (backward; may be null)
  float* position = nullptr;
  float* token_type = nullptr;
  Matrix out;  ///< forward: out; backward: d_out
  int64_t columns = 0;
};

/// Rows to bytes and their products back; see quantize.h.
struct QuantizeArgs {
  Matrix x;
  int64_t columns = 0;
  uint8_t* bytes = nullptr;     ///< [M, columns]
  float* scales = nullptr;      ///< [M]
  const float* bias = nullptr;  ///< may be null
};

/// Rows of a matrix into panels; see panels.h. Elements [row * row_stride + depth * depth_stride];
/// one of the strides is 1.
struct PackArgs {
  const void* x = nullptr;
  int64_t row_stride = 0, depth_stride = 1;
  int64_t rows = 0, depth = 0;
  bool is_b = false;
  void* out = nullptr;  ///< panels of A: rows * units floats; of B: rows rounded up to panels
};

/// C [rows, columns] (+)= A B^T + bias, of packed A [rows, depth] and B [columns, depth].
struct PanelProduct {
  const void* a = nullptr;
  const void* b = nullptr;
  int64_t rows = 0, columns = 0, depth = 0;
  void* c = nullptr;
  int64_t c_stride = 0;
  const float* bias = nullptr;  ///< [columns]; may be null
  bool add = false;
  // Of bytes alone: sums begin at `starts` and are multiplied by both scales.
  const int32_t* starts = nullptr;                              ///< [whole panels]
  const float *row_scales = nullptr, *column_scales = nullptr;  ///< [rows], [whole panels]
};

struct AdamArgs {
  float* weights = nullptr;
  const float* gradients = nullptr;
  float* first_moment = nullptr;
  float* second_moment = nullptr;
  uint16_t* shadow = nullptr;  ///< may be null
  float clip = 1.0F;           ///< what gradients are multiplied by
  float learning_rate = 0.0F, weight_decay = 0.0F;
  float beta1 = 0.0F, beta2 = 0.0F, epsilon = 0.0F;
};

/// Matrix products of one type of elements, see panels.h; null where an instruction set has none.
struct PanelKernels {
  int64_t a_panel = 0, b_panel = 0;                           ///< rows of a panel of A, of B
  int64_t unit = 1;                                           ///< neighbouring depths in a unit
  void (*pack)(const PackArgs&, int64_t begin, int64_t end);  ///< panels
  void (*multiply)(const PanelProduct&, int64_t begin, int64_t end);  ///< tiles of C, as A
  void (*multiply_into_floats)(const PanelProduct&, int64_t begin, int64_t end);

  explicit operator bool() const { return pack != nullptr; }
};

/// Kernels on activations of one type; [begin, end) are rows unless said otherwise.
struct ActivationKernels {
  void (*bias_activation_forward)(const BiasActivationArgs&, int64_t begin, int64_t end);
  void (*bias_activation_backward)(const BiasActivationArgs&, int64_t begin, int64_t end,
                                   float* bias_sums);
  void (*bias_dropout_forward)(const BiasDropoutArgs&, int64_t begin, int64_t end);
  void (*bias_dropout_backward)(const BiasDropoutArgs&, int64_t begin, int64_t end,
                                float* bias_sums);
  void (*layer_norm_forward)(const LayerNormArgs&, int64_t begin, int64_t end);
  /// Any of the sums may be null.
  void (*layer_norm_backward)(const LayerNormArgs&, int64_t begin, int64_t end, float* gamma_sums,
                              float* beta_sums, float* bias_sums);
  /// Rows of text; scratch of attention_scratch() floats, aligned to 64 bytes.
  void (*attention_forward)(const AttentionArgs&, int64_t row, int64_t head, float* scratch);
  void (*attention_backward)(const AttentionArgs&, int64_t row, int64_t head, float* scratch);
  void (*embedding_forward)(const EmbeddingArgs&, int64_t begin, int64_t end);
  /// Columns [begin, end) of all `tokens` tokens.
  void (*embedding_backward)(const EmbeddingArgs&, int64_t tokens, int64_t begin, int64_t end);
  void (*add_column_sums)(const Matrix& x, int64_t columns, int64_t begin, int64_t end,
                          float* sums);
  void (*accumulate)(const Matrix& x, const Matrix& target, int64_t columns, int64_t begin,
                     int64_t end);
  void (*quantize_rows)(const QuantizeArgs&, int64_t begin, int64_t end);
  void (*scale_rows)(const QuantizeArgs&, int64_t begin, int64_t end);
};

struct CpuKernels {
  const char* name;
  ActivationKernels fp32;
  ActivationKernels bf16;
  int64_t (*attention_scratch)(int64_t max_length, int64_t head_size, bool backward);
  double (*sum_of_squares)(const float* x, int64_t count);
  void (*bert_adam)(const AdamArgs&, int64_t begin, int64_t end);
  PanelKernels fp32_panels, bf16_panels;
  PanelKernels byte_panels;  ///< C of bf16 or fp32
};

extern const CpuKernels kGenericKernels;
extern const CpuKernels kAvx2Kernels;
extern const CpuKernels kAvx512Kernels;
extern const CpuKernels kAvx512Bf16Kernels;

}  // namespace pals::isa
