#include "export/onnx_adapters.h"

#include <algorithm>
#include <utility>

#include "adapters/projected_attention.h"
#include "adapters/top.h"
#include "base/error.h"
#include "export/onnx_encoder.h"

namespace pals {
namespace {

// Whose adapter it is. Copied into the functions of an OnnxAdapter.
struct Source {
  OnnxBlocks* blocks;
  const AdapterConfig* config;
  std::string prefix;  // of the task's tensors

  std::string layer_prefix(int layer) const { return concat(prefix, "layer.", layer, "."); }
  bool has_layer(int layer) const {
    return std::ranges::find(config->layers, layer) != config->layers.end();
  }
};

// gelu(up(attention(down(x)))): the attention is the layer's, the two projections are all layers'.
OnnxValue projected_attention(const Source& source, int layer, const OnnxValue& x) {
  if (!source.has_layer(layer)) return {};
  OnnxBlocks& blocks = *source.blocks;
  const OnnxValue down = blocks.dense(source.prefix + "pal.down.", x);
  const OnnxValue context =
      blocks.attention(source.layer_prefix(layer) + "pal.", down, ProjectedAttention::kNumHeads);
  return blocks.activation(Activation::kGelu, blocks.dense(source.prefix + "pal.up.", context));
}

// A bottleneck of the layer with tensors `name`.
OnnxValue layer_bottleneck(const Source& source, int layer, const std::string& name,
                           Activation activation, const OnnxValue& x) {
  if (!source.has_layer(layer)) return {};
  return source.blocks->bottleneck(source.layer_prefix(layer) + name, activation, x);
}

void add_pals(const Source& source, OnnxAdapter& adapter) {
  adapter.feed_forward_term = [source](int layer, const OnnxValue& h, const OnnxValue& /*a*/) {
    return projected_attention(source, layer, h);
  };
}

void add_low_rank(const Source& source, OnnxAdapter& adapter) {
  adapter.feed_forward_term = [source](int layer, const OnnxValue& h, const OnnxValue& /*a*/) {
    return layer_bottleneck(source, layer, "low_rank.", Activation::kGelu, h);
  };
}

// The bottleneck behind attention of both kinds of Houlsby's.
void add_houlsby_attention(const Source& source, OnnxAdapter& adapter) {
  adapter.block_term = [source](LayerBlock block, int layer, const OnnxValue& x) {
    if (block != LayerBlock::kAttention) return OnnxValue();
    return layer_bottleneck(source, layer, "houlsby.attention.", Activation::kGelu, x);
  };
}

void add_houlsby(const Source& source, OnnxAdapter& adapter) {
  add_houlsby_attention(source, adapter);
  adapter.feed_forward_term = [source](int layer, const OnnxValue& /*h*/, const OnnxValue& a) {
    return layer_bottleneck(source, layer, "houlsby.output.", Activation::kGelu, a);
  };
}

void add_houlsby_pals(const Source& source, OnnxAdapter& adapter) {
  add_houlsby_attention(source, adapter);
  adapter.feed_forward_term = [source](int layer, const OnnxValue& /*h*/, const OnnxValue& a) {
    return projected_attention(source, layer, a);
  };
}

Activation activation_of(const std::string& name) {
  for (const Activation activation :
       {Activation::kGelu, Activation::kGeluNew, Activation::kRelu, Activation::kSilu}) {
    if (name == activation_name(activation)) return activation;
  }
  fail("unknown activation ", name);
}

void add_bottleneck(const Source& source, OnnxAdapter& adapter) {
  const Activation activation = activation_of(source.config->activation);
  adapter.reads_normalised = source.config->reads == "normalised";
  adapter.block_term = [source, activation](LayerBlock block, int layer, const OnnxValue& x) {
    const std::string name = block == LayerBlock::kAttention ? "attention" : "output";
    const std::vector<std::string>& after = source.config->after;
    if (std::ranges::find(after, name) == after.end()) return OnnxValue();
    return layer_bottleneck(source, layer, concat("bottleneck.", name, "."), activation, x);
  };
}

// x A^T B^T alpha / rank, where the task has a term of this dense layer.
void add_lora(const Source& source, OnnxAdapter& adapter) {
  const double scale = source.config->alpha / static_cast<double>(source.config->size);
  adapter.product_term = [source, scale](const std::string& dense, const OnnxValue& x) {
    constexpr std::string_view kEncoder = "encoder.";
    if (!dense.starts_with(kEncoder)) return OnnxValue();
    const std::string own = source.prefix + dense.substr(kEncoder.size());
    OnnxBlocks& blocks = *source.blocks;
    const TensorEntry* a = blocks.model().find(own + "lora_A.weight");
    const TensorEntry* b = blocks.model().find(own + "lora_B.weight");
    if (a == nullptr || b == nullptr) return OnnxValue();
    OnnxGraph& graph = blocks.graph();
    const OnnxValue inner = graph.apply("MatMul", {x, graph.transposed(*a)});
    return blocks.scale(graph.apply("MatMul", {inner, graph.transposed(*b)}), scale);
  };
}

void add_top_attention(const Source& source, OnnxAdapter& adapter) {
  adapter.after_encoder = [source](const OnnxValue& y) {
    OnnxBlocks& blocks = *source.blocks;
    OnnxValue h = blocks.dense(source.prefix + "top.down.", y);
    for (int i = 0; i < TopAttention::kNumBlocks; ++i) {
      const std::string prefix = concat(source.prefix, "top.layer.", i, ".");
      h = onnx_attention_block(blocks, prefix, prefix + "output.", TopAttention::kNumHeads, h, i,
                               nullptr);
    }
    return blocks.dense(source.prefix + "top.up.", h);
  };
}

void add_top_bert_layer(const Source& source, OnnxAdapter& adapter) {
  adapter.after_encoder = [source](const OnnxValue& y) {
    return onnx_layer(*source.blocks, source.prefix + "top.bert_layer.", 0, y, nullptr);
  };
}

// One row a kind. A kind has a feed-forward term that reads the layer's input (LHUC scales it then)
// or not.
struct KindGraph {
  const char* name;
  void (*add)(const Source& source, OnnxAdapter& adapter);  // null: nothing
  bool term_reads_input = false;
};

constexpr KindGraph kKinds[] = {{"none", nullptr},
                                {"pals", add_pals, true},
                                {"low_rank", add_low_rank, true},
                                {"houlsby", add_houlsby},
                                {"houlsby_pals", add_houlsby_pals},
                                {"bottleneck", add_bottleneck},
                                {"lora", add_lora},
                                {"top_attention", add_top_attention},
                                {"top_bert_layer", add_top_bert_layer}};

// x 2 sigmoid(scale)
OnnxValue scaled(const Source& source, int layer, const OnnxValue& x) {
  if (x.empty() || !source.has_layer(layer)) return x;
  OnnxBlocks& blocks = *source.blocks;
  OnnxGraph& graph = blocks.graph();
  const OnnxValue scale =
      graph.weight(blocks.model().tensor(source.layer_prefix(layer) + "lhuc.scale"));
  return blocks.multiply(x, blocks.scale(graph.apply("Sigmoid", {scale}), 2.0));
}

void add_lhuc(const Source& source, bool term_reads_input, OnnxAdapter& adapter) {
  if (!term_reads_input) {
    adapter.after_layer = [source](int layer, const OnnxValue& y) {
      return scaled(source, layer, y);
    };
    return;
  }
  adapter.feed_forward_term = [source, term = std::move(adapter.feed_forward_term)](
                                  int layer, const OnnxValue& h, const OnnxValue& a) {
    return scaled(source, layer, term(layer, h, a));
  };
}

}  // namespace

OnnxAdapter onnx_adapter(OnnxBlocks& blocks, size_t task) {
  const AdapterConfig& config = blocks.model().adapter(task);
  const ExportedKind kind = exported_kind(config);
  const auto* row = std::ranges::find(kKinds, kind.name, &KindGraph::name);
  if (row == std::end(kKinds)) fail("there is no ONNX graph of the adapter ", kind.name);
  const Source source{&blocks, &config, task_prefix(static_cast<int>(task))};
  OnnxAdapter adapter;
  adapter.first_layer = static_cast<int>(blocks.model().bert().num_hidden_layers);
  if (row->add != nullptr || kind.lhuc) {
    for (const int layer : config.layers) {
      adapter.first_layer = std::min(adapter.first_layer, layer);
    }
  }
  if (row->add != nullptr) row->add(source, adapter);
  if (kind.lhuc) add_lhuc(source, row->term_reads_input, adapter);
  return adapter;
}

}  // namespace pals
