// The peer against the reference's vectors: layers, losses, gradients, six optimizer steps.
#include "eager_peer.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/safetensors.h"

namespace pals::bench {
namespace {

constexpr double kForwardTolerance = 1e-5;   // relative to the largest value
constexpr double kGradientTolerance = 2e-5;  // relative to the tensor's largest value
constexpr double kKeyBiasTolerance = 1e-6;   // absolute: the true gradient is zero
constexpr double kStepLossTolerance = 2e-4;  // relative
constexpr double kTrainedTolerance = 1e-4;   // absolute

/// Adds the folders below `root` that hold plain PALs, by their configuration.
void add_pals_sets(const std::string& root, std::vector<std::string>& sets) {
  for (const std::string& name : list_directory(root)) {
    const std::string folder = root + "/" + name;
    if (!file_exists(folder + "/config.json") || !file_exists(folder + "/reference.safetensors")) {
      continue;
    }
    const Json config = read_json(folder + "/config.json");
    const bool plain = !config.value("houlsby", false) && !config.value("lhuc", false) &&
                       !config.value("top", false);
    if (config.value("mult", false) && config.value("pals", false) && plain) {
      sets.push_back(folder);
    }
  }
}

/// The committed sets, and those of PALS_REFERENCE_DIR (set but missing: an error).
std::vector<std::string> pals_sets() {
  std::vector<std::string> sets;
  add_pals_sets(PALS_SOURCE_DIR "/tests/data/reference", sets);
  if (const char* root = std::getenv("PALS_REFERENCE_DIR")) add_pals_sets(root, sets);
  return sets;
}

at::Tensor to_tensor(const TensorEntry& entry) {
  const at::Tensor tensor =
      at::empty(entry.shape, entry.dtype == DType::kI64 ? at::kLong : at::kFloat);
  if (entry.dtype == DType::kI64) {
    std::memcpy(tensor.data_ptr(), entry.bytes.data(), entry.bytes.size());
  } else {
    copy_as_float(entry, tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel()));
  }
  return tensor;
}

at::Tensor get(const TensorFile& file, const std::string& name) {
  const TensorEntry* entry = file.find(name);
  if (entry == nullptr) throw std::runtime_error("no tensor " + name);
  return to_tensor(*entry);
}

EagerConfig read_config(const Json& json, const TensorFile& weights) {
  EagerConfig config;
  config.vocab_size = json.at("vocab_size");
  config.hidden_size = json.at("hidden_size");
  config.num_hidden_layers = json.at("num_hidden_layers");
  config.num_attention_heads = json.at("num_attention_heads");
  config.intermediate_size = json.at("intermediate_size");
  config.max_position_embeddings = json.at("max_position_embeddings");
  config.type_vocab_size = json.at("type_vocab_size");
  config.adapter_size = json.at("hidden_size_aug");
  config.dropout = 0.0;
  for (int task = 0; task < json.at("num_tasks").get<int>(); ++task) {
    config.task_outputs.push_back(
        weights.find("classifier." + std::to_string(task) + ".bias")->shape.at(0));
  }
  return config;
}

PaddedBatch read_batch(const TensorFile& file, int64_t task) {
  const std::string prefix = "task" + std::to_string(task) + ".";
  return {task, get(file, prefix + "input_ids"), get(file, prefix + "token_type_ids"),
          get(file, prefix + "attention_mask"), get(file, prefix + "labels")};
}

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

void expect_near(const at::Tensor& actual, const at::Tensor& expected, double tolerance,
                 const std::string& what) {
  ASSERT_EQ(actual.sizes(), expected.sizes()) << what;
  EXPECT_LE(largest(actual.detach() - expected), tolerance) << what;
}

/// One set: its files, and a fresh model with its weights.
struct Fixture {
  explicit Fixture(const std::string& folder)
      : weights(read_safetensors(folder + "/weights.safetensors")),
        reference(read_safetensors(folder + "/reference.safetensors")),
        config(read_config(read_json(folder + "/config.json"), weights)),
        model(config, 1) {
    at::set_num_threads(1);  // tiny tensors: more threads only wait for each other
    const at::NoGradGuard no_grad;
    for (const NamedParameter& parameter : model.parameters()) {
      parameter.value.copy_(get(weights, parameter.name));
    }
  }
  TensorFile weights, reference;
  EagerConfig config;
  EagerPeer model;
};

void check_forward(const EagerOutputs& outputs, const TensorFile& reference,
                   const PaddedBatch& batch) {
  const std::string prefix = "task" + std::to_string(batch.task) + ".";
  const at::Tensor real = batch.attention_mask.unsqueeze(-1).to(at::kFloat);
  for (size_t layer = 0; layer < outputs.encoder_layers.size(); ++layer) {
    const std::string name = prefix + "encoder_layer." + std::to_string(layer);
    const at::Tensor expected = get(reference, name) * real;
    expect_near(outputs.encoder_layers[layer] * real, expected,
                kForwardTolerance * largest(expected), name);
  }
  const std::map<std::string, at::Tensor> others = {
      {"pooled", outputs.pooled}, {"logits", outputs.logits}, {"loss", outputs.loss}};
  for (const auto& [name, actual] : others) {
    const at::Tensor expected = get(reference, prefix + name);
    expect_near(actual, expected, kForwardTolerance * largest(expected), prefix + name);
  }
}

TEST(EagerPeer, FindsASetOfPals) { EXPECT_FALSE(pals_sets().empty()); }

TEST(EagerPeer, ForwardAndGradientsAreTheReferences) {
  for (const std::string& folder : pals_sets()) {
    SCOPED_TRACE(folder);
    const Fixture set(folder);
    EagerBertAdam optimizer(set.model.parameters());
    for (size_t task = 0; task < set.config.task_outputs.size(); ++task) {
      const PaddedBatch batch = read_batch(set.reference, static_cast<int64_t>(task));
      optimizer.zero_grad();
      const EagerOutputs outputs = set.model.forward(batch, true);
      check_forward(outputs, set.reference, batch);
      outputs.loss.backward();
      for (const NamedParameter& parameter : set.model.parameters()) {
        const std::string name = "task" + std::to_string(task) + ".grad." + parameter.name;
        const bool wanted = set.reference.find(name) != nullptr;
        ASSERT_EQ(parameter.value.grad().defined(), wanted) << name;
        if (!wanted) continue;
        const at::Tensor expected = get(set.reference, name);
        const bool key_bias = name.find(".key.bias") != std::string::npos;
        expect_near(parameter.value.grad(), expected,
                    key_bias ? kKeyBiasTolerance : kGradientTolerance * largest(expected), name);
      }
    }
  }
}

TEST(EagerPeer, SixOptimizerStepsAreTheReferences) {
  constexpr int kSteps = 6;
  for (const std::string& folder : pals_sets()) {
    SCOPED_TRACE(folder);
    const Fixture set(folder);
    EagerBertAdam optimizer(set.model.parameters());
    for (int step = 0; step < kSteps; ++step) {
      const double progress = static_cast<double>(step) / kSteps;
      constexpr double kWarmup = 1.0 / 3.0;
      const double scale = progress < kWarmup ? progress / kWarmup : 1.0 - progress;
      const auto tasks = static_cast<int>(set.config.task_outputs.size());
      const PaddedBatch batch = read_batch(set.reference, step % tasks);
      const double loss = eager_train_step(set.model, optimizer, batch, 3e-3 * scale);
      const auto expected =
          get(set.reference, "step" + std::to_string(step) + ".loss").item<double>();
      EXPECT_NEAR(loss, expected, kStepLossTolerance * expected) << "step " << step;
    }
    for (const NamedParameter& parameter : set.model.parameters()) {
      expect_near(parameter.value, get(set.reference, "trained." + parameter.name),
                  kTrainedTolerance, parameter.name);
    }
  }
}

}  // namespace
}  // namespace pals::bench
