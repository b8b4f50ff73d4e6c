// The reference's single-task classes: logits, losses and gradients of sequence classification,
// question answering and multiple choice.
#include <gtest/gtest.h>

#include "adapters/reference_keys.h"
#include "checkpoint/name_map.h"
#include "checkpoint/safetensors.h"
#include "model/weights.h"
#include "reference_set.h"

namespace pals {
namespace {

double largest(const at::Tensor& x) { return x.cpu().abs().max().item<double>(); }

double relative_error(const at::Tensor& actual, const at::Tensor& expected) {
  return largest(actual.cpu() - expected) / std::max(largest(expected), 1e-30);
}

/// A set of one of the three classes, told by what it holds.
struct SingleSet {
  explicit SingleSet(const std::string& folder)
      : weights(read_safetensors(folder + "/weights.safetensors")),
        reference(read_safetensors(folder + "/reference.safetensors")) {
    const std::string path = folder + "/config.json";
    const BertConfig bert = parse_bert_config(read_json(path), path, reference_adapter_keys());
    const at::Tensor ids = tensor("input_ids");
    HeadSpec head;
    if (reference.find("start_logits") != nullptr) {
      head = {TaskKind::kSpan, 2};
    } else if (ids.dim() == 3) {
      head = {TaskKind::kMultipleChoice, 1};
    } else {
      head.num_outputs = tensor("logits").size(1);
    }
    kind = head.kind;
    model = std::make_unique<MultiTaskModel>(bert, resolve_adapter({}, bert, path),
                                             std::vector<HeadSpec>{head}, at::kFloat,
                                             Frozen::kNothing, test_device());
    const LoadReport report = load_weights(*model, weights, LoadScope::kAll, folder);
    EXPECT_TRUE(report.unused.empty());
    model->arena().prepare_training();
  }

  at::Tensor tensor(const std::string& name) const { return tensor_of(reference, name); }

  /// All examples without their padding. `column` 0 or 1: the starts or the ends alone.
  PackedBatch batch(int column = -1) const {
    const at::Tensor ids = tensor("input_ids").to(at::kInt).contiguous();
    const at::Tensor types = tensor("token_type_ids").to(at::kInt).contiguous();
    const at::Tensor lengths = tensor("attention_mask").sum(-1);
    PackedBatch batch;
    for (int64_t e = 0; e < ids.size(0); ++e) {
      const int64_t rows = ids.dim() == 3 ? ids.size(1) : 1;
      for (int64_t r = 0; r < rows; ++r) {
        const at::Tensor row = rows > 1 ? ids[e][r] : ids[e];
        const at::Tensor type = rows > 1 ? types[e][r] : types[e];
        const int64_t length = (rows > 1 ? lengths[e][r] : lengths[e]).item<int64_t>();
        if (r == 0) {
          batch.append(0, e, row.data_ptr<int32_t>(), type.data_ptr<int32_t>(), length,
                       targets(e, column));
        } else {
          batch.append_choice(e, row.data_ptr<int32_t>(), type.data_ptr<int32_t>(), length);
        }
      }
    }
    return batch;
  }

  std::vector<float> targets(int64_t example, int column) const {
    const auto number = [&](const char* name) {
      return static_cast<float>(tensor(name)[example].item<int64_t>());
    };
    if (kind != TaskKind::kSpan) return {number("labels")};
    return {column != 1 ? number("start_positions") : -1.0F,
            column != 0 ? number("end_positions") : -1.0F};
  }

  /// Examples whose start (0) or end (1) is a token: the reference's means are over them alone.
  int64_t valid(int column) const {
    const at::Tensor positions = tensor(column == 0 ? "start_positions" : "end_positions");
    return positions.lt(tensor("attention_mask").sum(-1)).sum().item<int64_t>();
  }

  /// Adds the gradients of the reference's loss, which it returns.
  double train() const {
    if (kind != TaskKind::kSpan) {
      const PackedBatch all = batch();
      return model->train(all, {.examples = all.num_examples()}).item<double>();
    }
    return model->train(batch(0), {.examples = valid(0)}).item<double>() +
           model->train(batch(1), {.examples = valid(1)}).item<double>();
  }

  TensorFile weights, reference;
  TaskKind kind = TaskKind::kClassification;
  std::unique_ptr<MultiTaskModel> model;
};

class GoldenHead : public testing::TestWithParam<std::string> {};

TEST_P(GoldenHead, LogitsMatch) {
  const SingleSet set(GetParam());
  const at::Tensor logits = set.model->forward(set.batch()).logits.front();
  if (set.kind != TaskKind::kSpan) {
    EXPECT_LT(relative_error(logits.flatten(), set.tensor("logits").flatten()),
              golden_tolerance(1e-5));
    return;
  }
  const at::Tensor mask = set.tensor("attention_mask").flatten().nonzero().squeeze(1);
  int64_t column = 0;
  for (const char* name : {"start_logits", "end_logits"}) {
    const at::Tensor expected = set.tensor(name).flatten().index_select(0, mask);
    EXPECT_LT(relative_error(logits.select(1, column++), expected), golden_tolerance(1e-5)) << name;
  }
}

TEST_P(GoldenHead, LossAndGradientsMatch) {
  const SingleSet set(GetParam());
  ParameterArena& arena = set.model->arena();
  arena.gradients().zero_();
  const double expected_loss = set.tensor("loss").item<double>();
  EXPECT_NEAR(set.train(), expected_loss, golden_tolerance(1e-5) * expected_loss);
  size_t compared = 0;
  for (const TensorEntry& entry : set.reference.tensors()) {
    if (!entry.name.starts_with("grad.")) continue;
    const std::string name = canonical_name(entry.name.substr(5));
    const ParameterId id = arena.table().find(name);
    ASSERT_GE(id, 0) << entry.name;
    const at::Tensor expected = set.tensor(entry.name), actual = arena.gradient(id);
    // Adding to all logits of a softmax changes nothing: such gradients are rounding alone.
    const bool zero = name.ends_with("key.bias") || largest(expected) < 1e-6;
    if (zero) {
      EXPECT_LT(largest(actual), golden_tolerance(2e-6)) << entry.name;
    } else {
      EXPECT_LT(relative_error(actual, expected), golden_tolerance(2e-5)) << entry.name;
    }
    ++compared;
  }
  EXPECT_GT(compared, 35U);  // of an encoder of one layer
}

std::string set_name(const testing::TestParamInfo<std::string>& info) {
  return info.param.substr(info.param.rfind('/') + 1) + "_" + std::to_string(info.index);
}

INSTANTIATE_TEST_SUITE_P(Sets, GoldenHead, testing::ValuesIn(single_task_folders()), set_name);

}  // namespace
}  // namespace pals
