#include "nn/blocks_cpu.h"

#include "nn/cpu_support.h"

namespace pals::cpu {

void bias_activation_forward(Activation activation, at::Tensor& x, const at::Tensor& bias,
                             at::Tensor& y) {
  isa::BiasActivationArgs args;
  args.kind = static_cast<isa::ActivationKind>(activation);
  args.columns = x.size(1);
  args.x = matrix(x);
  args.y = matrix(y);
  args.bias = floats(bias);
  const auto kernel = kernels_for(x, kernels()).bias_activation_forward;
  for_chunks(x.size(0), chunks_of(x.size(0), x.size(1)),
             [&](int64_t, int64_t begin, int64_t end) { kernel(args, begin, end); });
}

void bias_activation_backward(Activation activation, const at::Tensor& dy, const at::Tensor& u,
                              at::Tensor& du, at::Tensor bias_grad) {
  isa::BiasActivationArgs args;
  args.kind = static_cast<isa::ActivationKind>(activation);
  args.columns = u.size(1);
  args.x = matrix(u);
  args.dy = matrix(dy);
  args.y = matrix(du);
  const int64_t chunks = chunks_of(u.size(0), u.size(1));
  PartialSums sums(chunks, u.size(1), {floats(bias_grad)});
  const auto kernel = kernels_for(u, kernels()).bias_activation_backward;
  for_chunks(u.size(0), chunks, [&](int64_t chunk, int64_t begin, int64_t end) {
    kernel(args, begin, end, sums.buffer(chunk, 0));
  });
  sums.add_to_targets();
}

void bias_dropout_forward(at::Tensor& x, const at::Tensor& bias, const Dropout& dropout,
                          const at::Tensor& token_keys) {
  if (!bias.defined() && !dropout.active()) {
    return;
  }
  isa::BiasDropoutArgs args;
  args.columns = x.size(1);
  args.x = matrix(x);
  args.bias = floats(bias);
  args.dropout = dropout_args(dropout, token_keys);
  const auto kernel = kernels_for(x, kernels()).bias_dropout_forward;
  for_chunks(x.size(0), chunks_of(x.size(0), x.size(1)),
             [&](int64_t, int64_t begin, int64_t end) { kernel(args, begin, end); });
}

void bias_dropout_backward(const at::Tensor& dy, const Dropout& dropout,
                           const at::Tensor& token_keys, at::Tensor& dx, at::Tensor bias_grad) {
  isa::BiasDropoutArgs args;
  args.columns = dy.size(1);
  args.x = matrix(dy);
  args.y = matrix(dx);
  args.dropout = dropout_args(dropout, token_keys);
  const int64_t chunks = chunks_of(dy.size(0), dy.size(1));
  PartialSums sums(chunks, dy.size(1), {floats(bias_grad)});
  const auto kernel = kernels_for(dy, kernels()).bias_dropout_backward;
  for_chunks(dy.size(0), chunks, [&](int64_t chunk, int64_t begin, int64_t end) {
    kernel(args, begin, end, sums.buffer(chunk, 0));
  });
  sums.add_to_targets();
}

void dropout_add_layer_norm_forward(at::Tensor& x, const at::Tensor& bias,
                                    const at::Tensor& residual, const at::Tensor& extra,
                                    const at::Tensor& gamma, const at::Tensor& beta, double epsilon,
                                    const Dropout& dropout, const at::Tensor& token_keys,
                                    at::Tensor& y, at::Tensor& mean, at::Tensor& rstd) {
  isa::LayerNormArgs args;
  args.columns = x.size(1);
  args.x = matrix(x);
  args.residual = matrix(residual);
  args.extra = matrix(extra);
  args.y = matrix(y);
  args.bias = floats(bias);
  args.gamma = floats(gamma);
  args.beta = floats(beta);
  args.mean = floats(mean);
  args.rstd = floats(rstd);
  args.epsilon = static_cast<float>(epsilon);
  args.dropout = dropout_args(dropout, token_keys);
  const auto kernel = kernels_for(x, kernels()).layer_norm_forward;
  for_chunks(x.size(0), chunks_of(x.size(0), x.size(1)),
             [&](int64_t, int64_t begin, int64_t end) { kernel(args, begin, end); });
}

void dropout_add_layer_norm_backward(const at::Tensor& dy, const at::Tensor& z,
                                     const at::Tensor& mean, const at::Tensor& rstd,
                                     const at::Tensor& gamma, const Dropout& dropout,
                                     const at::Tensor& token_keys, at::Tensor& dz, at::Tensor& dx,
                                     at::Tensor gamma_grad, at::Tensor beta_grad,
                                     at::Tensor bias_grad) {
  isa::LayerNormArgs args;
  args.columns = z.size(1);
  args.x = matrix(z);
  args.dy = matrix(dy);
  args.dz = matrix(dz);
  args.dx = matrix(dx);
  args.gamma = floats(gamma);
  args.mean = floats(mean);
  args.rstd = floats(rstd);
  args.dropout = dropout_args(dropout, token_keys);
  const int64_t chunks = chunks_of(z.size(0), z.size(1));
  PartialSums sums(chunks, z.size(1), {floats(gamma_grad), floats(beta_grad), floats(bias_grad)});
  const auto kernel = kernels_for(z, kernels()).layer_norm_backward;
  for_chunks(z.size(0), chunks, [&](int64_t chunk, int64_t begin, int64_t end) {
    kernel(args, begin, end, sums.buffer(chunk, 0), sums.buffer(chunk, 1), sums.buffer(chunk, 2));
  });
  sums.add_to_targets();
}

void add_column_sums(const at::Tensor& x, at::Tensor sum) {
  const int64_t chunks = chunks_of(x.size(0), x.size(1));
  PartialSums sums(chunks, x.size(1), {floats(sum)});
  const auto kernel = kernels_for(x, kernels()).add_column_sums;
  for_chunks(x.size(0), chunks, [&](int64_t chunk, int64_t begin, int64_t end) {
    kernel(matrix(x), x.size(1), begin, end, sums.buffer(chunk, 0));
  });
  sums.add_to_targets();
}

void accumulate(const at::Tensor& x, at::Tensor target) {
  const auto kernel = kernels_for(x, kernels()).accumulate;
  for_chunks(x.size(0), chunks_of(x.size(0), x.size(1)), [&](int64_t, int64_t begin, int64_t end) {
    kernel(matrix(x), matrix(target), x.size(1), begin, end);
  });
}

void quantize_rows(const at::Tensor& x, at::Tensor& bytes, at::Tensor& scales) {
  isa::QuantizeArgs args;
  args.x = matrix(x);
  args.columns = x.size(1);
  args.bytes = bytes.mutable_data_ptr<uint8_t>();
  args.scales = floats(scales);
  const auto kernel = kernels_for(x, kernels()).quantize_rows;
  for_chunks(x.size(0), chunks_of(x.size(0), x.size(1)),
             [&](int64_t, int64_t begin, int64_t end) { kernel(args, begin, end); });
}

void scale_rows(at::Tensor& x, const at::Tensor& scales, const at::Tensor& bias) {
  isa::QuantizeArgs args;
  args.x = matrix(x);
  args.columns = x.size(1);
  args.scales = floats(scales);
  args.bias = floats(bias);
  const auto kernel = kernels_for(x, kernels()).scale_rows;
  for_chunks(x.size(0), chunks_of(x.size(0), x.size(1)),
             [&](int64_t, int64_t begin, int64_t end) { kernel(args, begin, end); });
}

}  // namespace pals::cpu
