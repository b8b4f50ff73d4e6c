// Task-specific layers on top of the shared encoder.
#pragma once

#include "adapters/module.h"

namespace pals {

/// Dense H->P, six attention blocks of size P with 12 heads, dense P->H.
class TopAttention : public AdapterModule {
 public:
  static constexpr int64_t kNumHeads = 12;
  static constexpr int kNumBlocks = 6;

  explicit TopAttention(const AdapterBuild& build);

  at::Tensor forward(const Pass& pass, int layer, const at::Tensor& x) const override;
  at::Tensor backward(const Pass& pass, int layer, const at::Tensor& dy) const override;

 private:
  Linear down_;
  std::vector<AttentionBlock> blocks_;
  Linear up_;
};

/// One whole BERT layer of the task's own.
class TopBertLayer : public AdapterModule {
 public:
  explicit TopBertLayer(const AdapterBuild& build);

  at::Tensor forward(const Pass& pass, int layer, const at::Tensor& x) const override;
  at::Tensor backward(const Pass& pass, int layer, const at::Tensor& dy) const override;

 private:
  BertLayer layer_;
};

void build_top_attention(const AdapterBuild& build, TaskAdapter& adapter);
void build_top_bert_layer(const AdapterBuild& build, TaskAdapter& adapter);

}  // namespace pals
