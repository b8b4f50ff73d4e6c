// Training and prediction on another device than the CPU: the same results, and no step of the host
// into the device's memory. Everywhere on a simulated device, and where there is a GPU on that,
// too.
#include "kernels/device.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/log.h"
#include "counted_blocks.h"
#include "device_training.h"
#include "kernels/cpu_isa.h"
#include "model/folder_writer.h"
#include "model/model_runner.h"
#include "model/test_models.h"
#include "modules/precision_choice.h"
#include "train/run_folder.h"

namespace pals {
namespace {

using testing::CountedBlocks;
using testing::devices;
using testing::distance;
using testing::expect_same_state;
using testing::has_gpu;
using testing::kSteps;
using testing::pack;
using testing::simulated_device;
using testing::tiny_adapter;
using testing::tiny_bert;
using testing::tiny_model;
using testing::tiny_rows;
using testing::tolerance_on;
using testing::Training;

// The generic kernels have no matrix products, so that the CPU's are LibTorch's here, as the
// simulated device's are, and results agree to the last digits.
[[maybe_unused]] const bool kProductsAreLibTorchs = [] {
  cpu::set_isa("generic");
  return true;
}();

TEST(SimulatedDevice, ItsMemoryIsOutOfTheHostsReach) {
  const at::Tensor x = at::ones({3}, at::TensorOptions(at::kFloat).device(simulated_device()));
  EXPECT_EQ(x.sum().item<float>(), 3.0F);
  EXPECT_DEATH(EXPECT_EQ(*x.const_data_ptr<float>(), 1.0F), "");
  EXPECT_THROW(x + at::ones({3}), c10::Error);
  EXPECT_TRUE(at::equal((x + 1).cpu(), at::full({3}, 2.0F)));
}

TEST(SimulatedDevice, IsChosenByItsName) {
  EXPECT_EQ(choose_device(testing::kSimulatedDevice), simulated_device());
  EXPECT_EQ(device_name(simulated_device()), "privateuseone:0 (a pretence)");
  EXPECT_THROW(choose_device({DeviceType::kSimulated, 1}), UsageError);
}

struct Case {
  std::string name, kind;
  bool task_pooler = false;
  Frozen frozen = Frozen::kNothing;
  Precision precision = {};
  bool on_gpu = false;

  at::Device device() const {
    return on_gpu ? choose_device({DeviceType::kGpu}) : simulated_device();
  }
  double tolerance(double simulated) const {
    const bool rounds = on_gpu && precision.type != at::kFloat;
    return rounds ? std::max(5e-2, simulated) : tolerance_on(device(), simulated);
  }
};

void PrintTo(const Case& test, std::ostream* stream) { *stream << test.name; }

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string& kind : adapter_names()) all.push_back({kind, kind});
  for (const char* mixed : {"mixed", "mixed_again"}) all.push_back({mixed, mixed});
  all.push_back({"lora_frozen", "lora", false, Frozen::kWeights});
  all.push_back({"lora_frozen_whole", "lora", false, Frozen::kAll});
  all.push_back({"none_frozen_whole", "none", false, Frozen::kAll});
  all.push_back({"lora_bf16", "lora", false, Frozen::kNothing, at::kBFloat16});
  all.push_back({"mixed_bf16", "mixed", false, Frozen::kNothing, at::kBFloat16});
  all.push_back({"pals_frozen", "pals", false, Frozen::kWeights});
  all.push_back({"low_rank_task_pooler", "low_rank", true});
  all.push_back({"pals_bf16", "pals", false, Frozen::kNothing, at::kBFloat16});
  const size_t simulated = all.size();
  for (size_t i = 0; i < simulated && has_gpu(); ++i) {
    Case test = all[i];
    test.name += "_gpu";
    test.on_gpu = true;
    all.push_back(test);
  }
  return all;
}

class OnAnotherDevice : public ::testing::TestWithParam<Case> {
 protected:
  static std::unique_ptr<Training> training(at::Device device, bool records = false) {
    const Case& test = GetParam();
    return std::make_unique<Training>(testing::tiny_adapters(test.kind, {}, test.task_pooler),
                                      test.precision, test.frozen, device, records);
  }
};

TEST_P(OnAnotherDevice, TrainingAndPredictionAreTheCpus) {
  const auto on_cpu = training(at::kCPU), on_device = training(GetParam().device());
  Training &here = *on_cpu, &there = *on_device;
  const std::vector<double> expected = here.run(0, kSteps), losses = there.run(0, kSteps);
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(losses[i], expected[i], GetParam().tolerance(1e-6)) << i;
  EXPECT_LT(distance(here.arena().weights(), there.arena().weights()), GetParam().tolerance(1e-6));
  EXPECT_LT(distance(here.arena().second_moment(), there.arena().second_moment()),
            GetParam().tolerance(1e-6));

  const PackedBatch batch = pack(tiny_rows(3));  // of all tasks
  // Their products are grouped where types have two bytes, and rounded elsewhere than the CPU's.
  const double simulated = GetParam().precision.type == at::kFloat ? 1e-5 : 5e-2;
  const auto wanted = here.model().forward(batch), found = there.model().forward(batch);
  for (size_t i = 0; i < wanted.logits.size(); ++i) {
    EXPECT_LT(distance(found.logits[i], wanted.logits[i]), GetParam().tolerance(simulated)) << i;
  }
  const std::vector<double> wanted_losses = here.model().example_losses(batch, wanted),
                            found_losses = there.model().example_losses(batch, found);
  for (size_t i = 0; i < wanted_losses.size(); ++i) {
    EXPECT_NEAR(found_losses[i], wanted_losses[i], GetParam().tolerance(simulated)) << i;
  }
}

TEST_P(OnAnotherDevice, RecordedStepsAreTheSame) {
  const auto eager = training(at::kCPU), recorded = training(GetParam().device(), true);
  const int64_t before = testing::num_replays();
  const std::vector<double> expected = eager->run(0, kSteps), losses = recorded->run(0, kSteps);
  // Two parts a step, forward and backward; some sizes come for the first time.
  const int64_t replays = testing::num_replays() - before;  // on the simulated device
  EXPECT_TRUE(GetParam().on_gpu || replays > 2 * kSteps) << replays;
  const double tolerance =
      GetParam().tolerance(GetParam().precision.type == at::kFloat ? 2e-5 : 2e-2);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(losses[i], expected[i], tolerance) << i;
  EXPECT_LT(distance(eager->arena().weights(), recorded->arena().weights()), 20 * tolerance);
}

// The same bits, over steps of all tasks, of sizes that come late or once, and while nothing is
// recorded for a time.
TEST_P(OnAnotherDevice, TheOptimizerIsRecordedWithBackward) {
  const at::Device device = GetParam().device();
  const CountedBlocks blocks(device);
  const auto apart = training(device, true), together = training(device, true);
  const auto run = [](Training& training, Training::Way way) {
    std::vector<double> losses;
    for (const auto& [last, records] : {std::pair{16, true}, {20, false}, {40, true}}) {
      training.model().set_recording(records);
      const auto more = training.run(std::ssize(losses), last, way);
      losses.insert(losses.end(), more.begin(), more.end());
    }
    return losses;
  };
  const std::vector<double> expected = run(*apart, Training::Way::kOneBatch);
  EXPECT_EQ(CountedBlocks::packed_steps, 0);
  EXPECT_EQ(run(*together, Training::Way::kOneBatchWithOptimizer), expected);
  // A GPU replays without the host.
  EXPECT_GT(CountedBlocks::packed_steps, GetParam().on_gpu ? 0 : kSteps);
  EXPECT_LT(CountedBlocks::packed_steps, 16 + 20);
  expect_same_state(apart->arena(), together->arena());
}

INSTANTIATE_TEST_SUITE_P(Kinds, OnAnotherDevice, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

// A folder of its own, removed at the end.
class Folder {
 public:
  Folder() : path_(::testing::TempDir() + "pals_device_" + std::to_string(::getpid())) {
    std::filesystem::remove_all(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Devices, ARunGoesOnOnAnotherDevice) {
  const AdapterConfig adapter = tiny_adapter("pals");
  Training whole(adapter, at::kFloat, Frozen::kNothing, at::kCPU);
  const std::vector<double> expected = whole.run(0, kSteps);
  std::vector<std::pair<at::Device, at::Device>> ways;
  for (const at::Device device : devices()) {
    ways.emplace_back(at::kCPU, device);
    ways.emplace_back(device, at::kCPU);
  }
  for (const auto& [first, second] : ways) {
    const double tolerance = tolerance_on(first.is_cpu() ? second : first, 1e-6);
    const Folder folder;
    CheckpointStore store(folder.path(), 1);
    Training begun(adapter, at::kFloat, Frozen::kNothing, first);
    begun.run(0, kSteps / 2);
    store.save(begun.arena(), kSteps / 2, {{"step", kSteps / 2}});
    Training resumed(adapter, at::kFloat, Frozen::kNothing, second);
    ASSERT_TRUE(store.restore(resumed.arena()).has_value());
    const std::vector<double> losses = resumed.run(kSteps / 2, kSteps);
    for (size_t i = 0; i < losses.size(); ++i) {
      EXPECT_NEAR(losses[i], expected[i + kSteps / 2], tolerance) << i;
    }
    EXPECT_LT(distance(resumed.arena().weights(), whole.arena().weights()), tolerance);
    EXPECT_EQ(shared_weights_hash(tensors_of(begun.arena())).size(), 32U);
  }
}

// With other sizes recorded than in the run that was not stopped, and none while memory is short.
TEST(Devices, ARunWithARecordedOptimizerGoesOn) {
  constexpr auto kWay = Training::Way::kOneBatchWithOptimizer;
  for (const Precision& precision : {Precision(at::kFloat), Precision(at::kBFloat16)}) {
    const AdapterConfig adapter = tiny_adapter("pals");
    Training whole(adapter, precision, Frozen::kNothing, simulated_device(), true);
    const std::vector<double> expected = whole.run(0, 2 * kSteps, kWay);
    const Folder folder;
    CheckpointStore store(folder.path(), 1);
    Training begun(adapter, precision, Frozen::kNothing, simulated_device(), true);
    begun.run(0, kSteps, kWay);
    store.save(begun.arena(), kSteps, {{"step", kSteps}});
    Training resumed(adapter, precision, Frozen::kNothing, simulated_device(), true);
    ASSERT_TRUE(store.restore(resumed.arena()).has_value());
    testing::set_free_memory(150'000 * static_cast<int64_t>(c10::elementSize(precision.type)));
    const int64_t before = testing::num_replays();
    std::vector<double> losses = resumed.run(kSteps, kSteps + 10, kWay);
    EXPECT_EQ(testing::num_replays(), before);
    testing::set_free_memory(int64_t{2} << 30);
    for (const double loss : resumed.run(kSteps + 10, 2 * kSteps, kWay)) losses.push_back(loss);
    EXPECT_GT(testing::num_replays(), before);
    // A step that is computed call by call has no filler, and other sums in its products.
    const double tolerance = precision.type == at::kFloat ? 2e-5 : 2e-2;
    for (size_t i = 0; i < losses.size(); ++i) {
      EXPECT_NEAR(losses[i], expected[i + kSteps], tolerance) << i;
    }
  }
}

// As the second phase of --polish_epochs does.
TEST(Devices, TheSharedPartIsFrozenBetweenSteps) {
  constexpr auto kWay = Training::Way::kOneBatchWithOptimizer;
  Training here(tiny_adapter("pals"), at::kFloat, Frozen::kNothing, at::kCPU);
  Training there(tiny_adapter("pals"), at::kFloat, Frozen::kNothing, simulated_device(), true);
  const auto part = [](Training& training, int owner) {
    const ArenaRange range = training.arena().table().range(owner);
    return training.arena().weights().slice(0, range.begin, range.end).cpu().clone();
  };
  for (Training* training : {&here, &there}) {
    training->run(0, kSteps, kWay);
    const at::Tensor shared = part(*training, kSharedOwner), own = part(*training, 0);
    training->model().freeze_shared();
    training->run(kSteps, 2 * kSteps, kWay);
    EXPECT_TRUE(at::equal(part(*training, kSharedOwner), shared));
    EXPECT_FALSE(at::equal(part(*training, 0), own));
  }
  EXPECT_LT(distance(here.arena().weights(), there.arena().weights()), 1e-4);
}

TEST(Devices, FilesHoldTheSameWeights) {
  const AdapterConfig adapter = tiny_adapter("houlsby");
  const auto here = tiny_model(tiny_bert(), adapter);
  for (const at::Device device : devices()) {
    const auto there = tiny_model(tiny_bert(), adapter, {}, Frozen::kNothing, device);
    EXPECT_EQ(shared_weights_hash(tensors_of(here->arena())),
              shared_weights_hash(tensors_of(there->arena())));
  }
}

TEST(Devices, PooledVectorsAreOnTheHost) {
  const AdapterConfig adapter = tiny_adapter("none");
  const auto here = tiny_model(tiny_bert(), adapter);
  const PackedBatch batch = pack(testing::rows_of(tiny_rows(3), 0));
  for (const at::Device device : devices()) {
    const auto there = tiny_model(tiny_bert(), adapter, {}, Frozen::kNothing, device);
    for (const Pooling pooling : {Pooling::kCls, Pooling::kMean, Pooling::kMax, Pooling::kPooled}) {
      const Wanted wanted{.vectors = {{pooling, true}}};
      EXPECT_LT(distance(at::tensor(ModelRunner(*there).run(batch, wanted).vectors),
                         at::tensor(ModelRunner(*here).run(batch, wanted).vectors)),
                tolerance_on(device, 1e-6));
    }
  }
}

TEST(Devices, FilteredPrecisions) {
  using Choice = PrecisionChoice;
  const at::Device device = simulated_device();
  EXPECT_EQ(choose_precision(Choice::kAuto, device).type, at::kBFloat16);
  for (const Choice choice : {Choice::kFloat, Choice::kBFloat16, Choice::kHalf, Choice::kTf32}) {
    EXPECT_STREQ(precision_name(choose_precision(choice, device)), name_of(choice));
  }
  EXPECT_THROW(choose_precision(Choice::kInt8, device), UsageError);
  EXPECT_THROW(choose_precision(Choice::kHalf, at::kCPU), UsageError);
  EXPECT_THROW(choose_precision(Choice::kTf32, at::kCPU), UsageError);
}

class LossScaling : public ::testing::TestWithParam<bool> {
 protected:
  static at::Device device() {
    return GetParam() ? choose_device({DeviceType::kGpu}) : simulated_device();
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, LossScaling,
                         ::testing::ValuesIn(has_gpu() ? std::vector<bool>{false, true}
                                                       : std::vector<bool>{false}),
                         [](const auto& info) { return info.param ? "gpu" : "simulated"; });

TEST_P(LossScaling, TrainsInFp16AsInFp32) {
  const AdapterConfig adapter = tiny_adapter("pals");
  Training exact(adapter, at::kFloat, Frozen::kNothing, at::kCPU);
  Training half(adapter, at::kHalf, Frozen::kNothing, device());
  // The scale that the first steps would come down to, dropped one after the other.
  std::optional<Json> state = {{{"loss_scaling", {{"scale", 128.0}, {"good_steps", 3}}}}};
  half.parallel().share_state(state);
  const std::vector<double> expected = exact.run(0, kSteps), losses = half.run(0, kSteps);
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(losses[i], expected[i], 0.02 * std::max(1.0, expected[i])) << i;
  }
  EXPECT_TRUE(exact.parallel().scaler_state().is_null());
  const Json after = half.parallel().scaler_state();
  EXPECT_EQ(after.at("scale").get<double>(), 128.0);
  EXPECT_EQ(after.at("good_steps").get<int64_t>(), 3 + kSteps);
}

TEST_P(LossScaling, AnOverflowDropsTheStepAndHalvesTheScale) {
  Training half(tiny_adapter("none"), at::kHalf, Frozen::kNothing, device());
  std::optional<Json> state = {{{"loss_scaling", {{"scale", 1e38}, {"good_steps", 7}}}}};
  half.parallel().share_state(state);
  const at::Tensor before = half.arena().weights().cpu().clone();
  half.run(5, 6);
  EXPECT_TRUE(at::equal(half.arena().weights().cpu(), before));
  EXPECT_EQ(half.arena().first_moment().cpu().abs().max().item<float>(), 0.0F);
  const Json after = half.parallel().scaler_state();
  EXPECT_NEAR(after.at("scale").get<double>(), 5e37, 1e31);
  EXPECT_EQ(after.at("good_steps").get<int>(), 0);

  state = {{{"loss_scaling", {{"scale", 64.0}, {"good_steps", 1999}}}}};
  half.parallel().share_state(state);
  half.run(6, 7);
  EXPECT_FALSE(at::equal(half.arena().weights().cpu(), before));
  EXPECT_EQ(half.parallel().scaler_state().at("scale").get<double>(), 128.0);
  EXPECT_EQ(half.parallel().scaler_state().at("good_steps").get<int>(), 0);
}

}  // namespace
}  // namespace pals
