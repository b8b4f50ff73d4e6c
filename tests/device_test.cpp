// Training and prediction on another device than the CPU: the same results, and no step of the host
// into the device's memory. Everywhere on a simulated device, and where there is a GPU on that,
// too.
#include "nn/device.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/log.h"
#include "device_training.h"
#include "model/folder_writer.h"
#include "model/model_runner.h"
#include "model/test_models.h"
#include "nn/blocks_cpu.h"
#include "train/run_folder.h"

namespace pals {
namespace {

using testing::devices;
using testing::has_gpu;
using testing::kSteps;
using testing::kTinyTasks;
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

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a.cpu().to(at::kDouble) - b.cpu().to(at::kDouble)).abs().max().item<double>();
}

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
  EXPECT_THROW(choose_device("privateuseone:1"), UsageError);
  EXPECT_THROW(choose_device("privateuseone:x"), UsageError);
}

struct Case {
  std::string name, kind;
  bool task_pooler = false, freeze = false;
  Precision precision = {};
  bool on_gpu = false;

  at::Device device() const { return on_gpu ? choose_device("cuda") : simulated_device(); }
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
  all.push_back({"lora_frozen", "lora", false, true});
  all.push_back({"lora_bf16", "lora", false, false, at::kBFloat16});
  all.push_back({"mixed_bf16", "mixed", false, false, at::kBFloat16});
  all.push_back({"pals_frozen", "pals", false, true});
  all.push_back({"low_rank_task_pooler", "low_rank", true});
  all.push_back({"pals_bf16", "pals", false, false, at::kBFloat16});
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
                                      test.precision, test.freeze, device, records);
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

/// The device's blocks, which count their calls.
struct CountedBlocks {
  explicit CountedBlocks(at::Device device_) : device(device_) {
    own = &accelerator_of(device)->blocks();
    table = *own;
    table.grouped_dense_forward = [](const std::vector<DenseGroup>& groups,
                                     const at::Tensor& weights, const at::Tensor& biases,
                                     std::optional<Activation> activation, const at::Tensor& x,
                                     at::Tensor& y) {
      ++grouped;
      own->grouped_dense_forward(groups, weights, biases, activation, x, y);
    };
    table.joint_attention_forward = [](AttentionHeads& first, AttentionHeads& second,
                                       const AttentionRows& rows) {
      ++joint_forward;
      own->joint_attention_forward(first, second, rows);
    };
    table.joint_attention_backward = [](AttentionHeads& first, AttentionHeads& second,
                                        const AttentionRows& rows) {
      ++joint_backward;
      own->joint_attention_backward(first, second, rows);
    };
    table.bert_adam_table_step = [](const at::Tensor& ranges, int64_t chunks,
                                    const BertAdamOptions& options, at::Tensor weights,
                                    const at::Tensor& gradients, at::Tensor first_moment,
                                    at::Tensor second_moment, at::Tensor shadow) {
      ++table_steps;
      own->bert_adam_table_step(ranges, chunks, options, weights, gradients, first_moment,
                                second_moment, shadow);
    };
    forget();
    set_block_table(device.type(), &table);
  }
  ~CountedBlocks() { set_block_table(device.type(), own); }
  CountedBlocks(const CountedBlocks&) = delete;
  CountedBlocks& operator=(const CountedBlocks&) = delete;

  static void forget() { grouped = joint_forward = joint_backward = table_steps = 0; }

  at::Device device;
  BlockTable table;
  static inline const BlockTable* own = nullptr;
  static inline int grouped = 0, joint_forward = 0, joint_backward = 0, table_steps = 0;
};

void expect_same_state(const ParameterArena& a, const ParameterArena& b) {
  EXPECT_TRUE(at::equal(a.weights().cpu(), b.weights().cpu()));
  EXPECT_TRUE(at::equal(a.first_moment().cpu(), b.first_moment().cpu()));
  EXPECT_TRUE(at::equal(a.second_moment().cpu(), b.second_moment().cpu()));
  if (a.shadow().defined()) {
    EXPECT_TRUE(at::equal(a.shadow().cpu(), b.shadow().cpu()));
  }
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
  EXPECT_EQ(CountedBlocks::table_steps, 0);
  EXPECT_EQ(run(*together, Training::Way::kOneBatchWithOptimizer), expected);
  // A GPU replays without the host.
  EXPECT_GT(CountedBlocks::table_steps, GetParam().on_gpu ? 0 : kSteps);
  EXPECT_LT(CountedBlocks::table_steps, 16 + 20);
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
  Training whole(adapter, at::kFloat, false, at::kCPU);
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
    Training begun(adapter, at::kFloat, false, first);
    begun.run(0, kSteps / 2);
    store.save(begun.arena(), kSteps / 2, {{"step", kSteps / 2}});
    Training resumed(adapter, at::kFloat, false, second);
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
    Training whole(adapter, precision, false, simulated_device(), true);
    const std::vector<double> expected = whole.run(0, 2 * kSteps, kWay);
    const Folder folder;
    CheckpointStore store(folder.path(), 1);
    Training begun(adapter, precision, false, simulated_device(), true);
    begun.run(0, kSteps, kWay);
    store.save(begun.arena(), kSteps, {{"step", kSteps}});
    Training resumed(adapter, precision, false, simulated_device(), true);
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

TEST(Devices, FilesHoldTheSameWeights) {
  const AdapterConfig adapter = tiny_adapter("houlsby");
  const auto here = tiny_model(tiny_bert(), adapter);
  for (const at::Device device : devices()) {
    const auto there = tiny_model(tiny_bert(), adapter, {}, false, device);
    EXPECT_EQ(shared_weights_hash(tensors_of(here->arena())),
              shared_weights_hash(tensors_of(there->arena())));
  }
}

TEST(Devices, TasksOfABatchAreComputedTogether) {
  struct {
    const char* kind;
    int products;  // of two layers; queries apart from keys and values in the last one's attention
  } const kinds[] = {{"pals", 3 + 4},         {"low_rank", 2 + 2}, {"houlsby", 4 + 4},
                     {"houlsby_pals", 5 + 6}, {"pals_lhuc", 0},    {"top_attention", 0}};
  const std::vector<testing::Row> rows = tiny_rows(3);
  for (const at::Device device : devices()) {
    for (const auto& [kind, products] : kinds) {
      for (const at::ScalarType type : {at::kBFloat16, at::kHalf, at::kFloat}) {
        const auto model = tiny_model(tiny_bert(), tiny_adapter(kind), type, false, device);
        std::vector<at::Tensor> alone;
        for (int task = 0; task < kTinyTasks; ++task) {
          alone.push_back(model->forward(pack(testing::rows_of(rows, task))).logits.front());
        }
        const CountedBlocks blocks(device);
        const auto together = model->forward(pack(rows));
        EXPECT_EQ(CountedBlocks::grouped, type == at::kFloat ? 0 : products) << kind;
        const double tolerance = tolerance_on(device, type == at::kFloat  ? 1e-5
                                                      : type == at::kHalf ? 1e-2
                                                                          : 8e-2);
        for (size_t task = 0; task < alone.size(); ++task) {
          EXPECT_LT(distance(together.logits[task], alone[task]), tolerance) << kind << " " << task;
        }
        // Each its own: the first task's adapter would say something else of the second's rows.
        model->arena().weights().narrow(0, model->arena().table().range(1).begin, 200).mul_(-1.0);
        model->arena().refresh_shadow();
        const auto changed = model->forward(pack(rows));
        EXPECT_EQ(distance(changed.logits[0], together.logits[0]), 0.0) << kind;
        EXPECT_GT(distance(changed.logits[1], together.logits[1]), 0.0) << kind;
      }
    }
  }
}

// One launch for the layer's heads and the adapter's, forward and backward; the same numbers.
TEST(Devices, AdaptersAttendBesideTheLayers) {
  struct {
    const char* kind;
    int joint, mixed;  // attentions of two layers; in a batch of all tasks
  } const kinds[] = {
      {"pals", 2, 2},          {"pals_lhuc", 2, 0},  // whose tasks are computed one by one
      {"houlsby_pals", 0, 0},  {"low_rank", 0, 0},
      {"low_rank_lhuc", 0, 0}, {"top_attention", 0, 0}};
  const std::vector<testing::Row> rows = tiny_rows(3);
  for (const at::Device device : devices()) {
    for (const auto& [kind, joint, of_mixed] : kinds) {
      for (const at::ScalarType type : {at::kBFloat16, at::kFloat}) {
        SCOPED_TRACE(::testing::Message() << kind << " " << c10::toString(type));
        const int expected = type == at::kFloat ? 0 : joint;
        const AdapterConfig adapter = tiny_adapter(kind);
        Training together(adapter, type, false, device), apart(adapter, type, false, device);
        CountedBlocks blocks(device);
        const auto mixed = together.model().forward(pack(rows));
        EXPECT_EQ(CountedBlocks::joint_forward, type == at::kFloat ? 0 : of_mixed);
        CountedBlocks::forget();
        const auto losses = together.run(0, 5, Training::Way::kOneBatch);
        EXPECT_EQ(CountedBlocks::joint_forward, 5 * expected);
        EXPECT_EQ(CountedBlocks::joint_backward, 5 * expected);
        together.model().set_recompute(true);
        const auto recomputed = together.run(5, 6);
        EXPECT_EQ(CountedBlocks::joint_backward, 7 * expected);

        blocks.table.joint_attention_forward = nullptr;
        CountedBlocks::forget();
        const auto mixed_apart = apart.model().forward(pack(rows));
        for (size_t i = 0; i < mixed.logits.size(); ++i) {
          EXPECT_EQ(distance(mixed.logits[i], mixed_apart.logits[i]), 0.0) << i;
        }
        EXPECT_EQ(apart.run(0, 5, Training::Way::kOneBatch), losses);
        EXPECT_EQ(apart.run(5, 6), recomputed);
        expect_same_state(apart.arena(), together.arena());
        EXPECT_EQ(CountedBlocks::joint_forward + CountedBlocks::joint_backward, 0);
      }
    }
  }
}

// PALs' D within their queries, keys and values: a product less for each, and nothing that stays
// when weights change.
TEST(Devices, LayersAreFoldedForPrediction) {
  struct {
    const char* kind;
    int saved;  // products in two layers
  } const kinds[] = {{"pals", 2}, {"pals_lhuc", 2}, {"houlsby_pals", 2}, {"low_rank", 0}};
  const PackedBatch mixed = pack(tiny_rows(3)), alone = pack(testing::rows_of(tiny_rows(3), 1));
  for (const at::Device device : devices()) {
    for (const auto& [kind, saved] : kinds) {
      for (const at::ScalarType type : {at::kBFloat16, at::kFloat}) {
        SCOPED_TRACE(::testing::Message() << kind << " " << c10::toString(type));
        Training training(tiny_adapter(kind), type, false, device);
        MultiTaskModel& model = training.model();
        const double tolerance = tolerance_on(device, type == at::kFloat ? 1e-5 : 8e-2);
        const auto differ = [&](const PackedBatch& batch) {
          const CountedBlocks blocks(device);
          const auto plain = model.forward(batch);
          const int products = std::exchange(CountedBlocks::grouped, 0);
          model.pack_weights();
          const auto folded = model.forward(batch);
          EXPECT_EQ(products - CountedBlocks::grouped, products == 0 ? 0 : saved);
          if (saved > 0) {
            EXPECT_THROW(training.run(0, 1), c10::Error);
          }
          model.unpack_weights();
          const auto again = model.forward(batch);
          double most = 0.0;
          for (size_t i = 0; i < plain.logits.size(); ++i) {
            most = std::max(most, distance(folded.logits[i], plain.logits[i]));
            EXPECT_EQ(distance(again.logits[i], plain.logits[i]), 0.0);
          }
          return most;
        };
        for (int round = 0; round < 2; ++round) {
          for (const PackedBatch& batch : {mixed, alone}) {
            const double most = differ(batch);
            EXPECT_LT(most, tolerance);
            if (type == at::kBFloat16) {
              EXPECT_EQ(most > 0.0, saved > 0);  // it rounds elsewhere
            }
          }
          training.run(0, 5);  // other weights for the second round
        }
      }
    }
  }
}

TEST(Devices, PooledVectorsAreOnTheHost) {
  const AdapterConfig adapter = tiny_adapter("none");
  const auto here = tiny_model(tiny_bert(), adapter);
  const PackedBatch batch = pack(testing::rows_of(tiny_rows(3), 0));
  for (const at::Device device : devices()) {
    const auto there = tiny_model(tiny_bert(), adapter, {}, false, device);
    for (const Pooling pooling : {Pooling::kCls, Pooling::kMean, Pooling::kMax, Pooling::kPooled}) {
      const Wanted wanted{.vectors = {{pooling, true}}};
      EXPECT_LT(distance(at::tensor(ModelRunner(*there).run(batch, wanted).vectors),
                         at::tensor(ModelRunner(*here).run(batch, wanted).vectors)),
                tolerance_on(device, 1e-6));
    }
  }
}

TEST(Devices, FilteredPrecisions) {
  EXPECT_EQ(parse_precision("auto", simulated_device()).type, at::kBFloat16);
  for (const char* name : {"fp32", "bf16", "fp16", "tf32"}) {
    EXPECT_STREQ(precision_name(parse_precision(name, simulated_device())), name);
  }
  EXPECT_THROW(parse_precision("int8", simulated_device()), UsageError);
  EXPECT_THROW(parse_precision("fp16", at::kCPU), UsageError);
  EXPECT_THROW(parse_precision("tf32", at::kCPU), UsageError);
}

class LossScaling : public ::testing::TestWithParam<bool> {
 protected:
  static at::Device device() { return GetParam() ? choose_device("cuda") : simulated_device(); }
};

INSTANTIATE_TEST_SUITE_P(Devices, LossScaling,
                         ::testing::ValuesIn(has_gpu() ? std::vector<bool>{false, true}
                                                       : std::vector<bool>{false}),
                         [](const auto& info) { return info.param ? "gpu" : "simulated"; });

TEST_P(LossScaling, TrainsInFp16AsInFp32) {
  const AdapterConfig adapter = tiny_adapter("pals");
  Training exact(adapter, at::kFloat, false, at::kCPU);
  Training half(adapter, at::kHalf, false, device());
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
  Training half(tiny_adapter("none"), at::kHalf, false, device());
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
