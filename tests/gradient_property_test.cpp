// The hand-written backward pass against finite differences: every parameter of every kind of
// adapter, dropout on (keyed masks make the loss a function of the weights alone).
#include <gtest/gtest.h>

#include "base/random.h"
#include "model/test_models.h"

namespace pals {
namespace {

using testing::pack;
using testing::tiny_adapters;
using testing::tiny_bert;
using testing::tiny_model;
using testing::tiny_rows;

struct Case {
  std::string name, kind;
  std::vector<int> layers = {};
  bool task_pooler = false;
  Activation activation = Activation::kGelu;
  Frozen frozen = Frozen::kNothing;
};

void PrintTo(const Case& test, std::ostream* stream) { *stream << test.name; }

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string& kind : adapter_names()) all.push_back({kind, kind});
  for (const char* mixed : {"mixed", "mixed_again"}) all.push_back({mixed, mixed});
  all.push_back({"frozen_lora", "lora", {}, false, Activation::kGelu, Frozen::kWeights});
  all.push_back({"lora_in_layer_1", "lora", {1}});
  all.push_back({"pals_in_layer_1", "pals", {1}});
  all.push_back({"low_rank_lhuc_in_layer_0", "low_rank_lhuc", {0}});
  all.push_back({"houlsby_in_layer_1", "houlsby", {1}});
  all.push_back({"houlsby_pals_in_layer_0", "houlsby_pals", {0}});
  all.push_back({"lhuc_in_layer_0", "lhuc", {0}});
  all.push_back({"task_pooler", "pals", {}, true});
  all.push_back({"top_attention_task_pooler", "top_attention", {}, true});
  all.push_back({"gelu_new", "none", {}, false, Activation::kGeluNew});
  all.push_back({"relu", "none", {}, false, Activation::kRelu});
  all.push_back({"silu", "none", {}, false, Activation::kSilu});
  all.push_back({"silu_top_bert_layer", "top_bert_layer", {}, false, Activation::kSilu});
  all.push_back(
      {"frozen_houlsby_pals", "houlsby_pals", {}, false, Activation::kGelu, Frozen::kWeights});
  all.push_back({"frozen_whole_lora", "lora", {1}, false, Activation::kGelu, Frozen::kAll});
  all.push_back({"frozen_whole_none", "none", {}, true, Activation::kGelu, Frozen::kAll});
  all.push_back(
      {"frozen_whole_top_attention", "top_attention", {}, false, Activation::kGelu, Frozen::kAll});
  return all;
}

class Gradient : public ::testing::TestWithParam<Case> {
 protected:
  Gradient() {
    BertConfig bert = tiny_bert();
    bert.hidden_act = GetParam().activation;
    model_ =
        tiny_model(bert, tiny_adapters(GetParam().kind, GetParam().layers, GetParam().task_pooler),
                   at::kFloat, GetParam().frozen);
  }

  // Other cases vary one thing of a kind: there the slopes along gradients do.
  static bool is_kind_alone() { return GetParam().name == GetParam().kind; }

  // The third task takes no part.
  static PackedBatch other_tasks() {
    std::vector<testing::Row> rows = tiny_rows(2);
    std::erase_if(rows, [](const testing::Row& row) { return row.task == 2; });
    return pack(rows);
  }

  // A pooler of its own is of no use to a task whose head reads tokens.
  static bool is_unused(const Parameter& row) {
    return row.owner == 2 || (testing::tiny_reads_tokens(row.owner) &&
                              row.name.find(".pooler.") != std::string::npos);
  }

  // What is added to all that a softmax is over; for a span also what is added to all its tokens.
  static bool has_no_effect(const Parameter& row) {
    const auto is = [&row](const char* ending) { return row.name.ends_with(ending); };
    const bool added_to_tokens = is("qa_outputs.bias") || is("top.up.bias") ||
                                 is("top.layer.5.output.LayerNorm.bias") ||
                                 is("top.bert_layer.output.LayerNorm.bias");
    return is("key.bias") || (row.owner == testing::kTinySpan && added_to_tokens) ||
           (row.owner == testing::kTinyChoice && is("classifier.bias"));
  }

  double loss() {
    return model_->train(batch_, {.seed = 8, .step = 2, .examples = batch_.num_examples()})
        .item<double>();
  }

  // The loss's slope along `direction` [numel] in a parameter's weights, by central differences.
  double slope(const Parameter& row, const at::Tensor& direction, double step) {
    const at::Tensor weight = model_->arena().weights().narrow(0, row.offset, row.numel);
    const at::Tensor saved = weight.clone();
    const auto moved = [&](double distance) {
      weight.copy_(saved + direction * distance);
      return loss();
    };
    const double difference = moved(step) - moved(-step);
    weight.copy_(saved);
    return difference / (2.0 * step);
  }

  std::unique_ptr<MultiTaskModel> model_;
  PackedBatch batch_ = other_tasks();
};

TEST_P(Gradient, MatchesFiniteDifferences) {
  model_->arena().gradients().zero_();
  loss();
  const at::Tensor gradients = model_->arena().gradients().clone();
  const bool is_relu = GetParam().activation == Activation::kRelu;
  Random random(1, 2);
  for (const Parameter& row : model_->arena().table().rows()) {
    const at::Tensor gradient = gradients.narrow(0, row.offset, row.numel);
    if (!row.trainable || is_unused(row)) {
      EXPECT_EQ(gradient.abs().max().item<double>(), 0.0) << row.name;
      continue;
    }
    const double size = gradient.norm().item<double>();
    if (has_no_effect(row)) {
      EXPECT_LT(size, 1e-6) << row.name;
      continue;
    }
    EXPECT_GT(size, 1e-5) << row.name << " has no gradient";
    // Losses carry some 1e-7 of noise: far enough to stand above it, near enough to be straight
    // (and to pass few of ReLU's kinks).
    const double step = std::min(3e-3, 3e-3 / size) / (is_relu ? 3.0 : 1.0);
    const double tolerance = 3e-4 + (is_relu ? 5e-2 : 5e-3) * size;
    EXPECT_NEAR(slope(row, gradient / size, step), size, tolerance)
        << row.name << " along its gradient";
    if (!is_kind_alone()) continue;
    const auto drawn = static_cast<int64_t>(random.below(static_cast<uint64_t>(row.numel)));
    for (const int64_t i : {gradient.abs().argmax().item<int64_t>(), drawn}) {
      at::Tensor direction = at::zeros({row.numel});
      direction[i] = 1.0;
      EXPECT_NEAR(slope(row, direction, step), gradient[i].item<double>(), tolerance)
          << row.name << " element " << i;
    }
  }
}

TEST_P(Gradient, IsTheSameToTheBitWithRecomputation) {
  const auto gradients = [&](bool recompute) {
    model_->set_recompute(recompute);
    model_->arena().gradients().zero_();
    loss();
    return model_->arena().gradients().clone();
  };
  EXPECT_TRUE(gradients(true).equal(gradients(false)));
}

INSTANTIATE_TEST_SUITE_P(Cases, Gradient, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace pals
