// Which work a device does in one launch: several tasks' products, two attentions, folded layers;
// the numbers are those of one launch for each.
#include <gtest/gtest.h>

#include <utility>

#include "counted_blocks.h"
#include "device_training.h"
#include "model/test_models.h"

namespace pals {
namespace {

using testing::CountedBlocks;
using testing::devices;
using testing::distance;
using testing::expect_same_state;
using testing::kTinyTasks;
using testing::pack;
using testing::tiny_adapter;
using testing::tiny_bert;
using testing::tiny_model;
using testing::tiny_rows;
using testing::tolerance_on;
using testing::Training;

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
        const auto model =
            tiny_model(tiny_bert(), tiny_adapter(kind), type, Frozen::kNothing, device);
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

// PALs of 12, bottlenecks of 5, heads of 2 and 3: every product's operands have rows at multiples
// of 16 bytes all the same, but for what a batch of one row leaves.
TEST(Devices, ProductsOfTwoBytesAreAligned) {
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
    for (const char* kind : {"none", "pals", "low_rank", "houlsby", "lora", "top_attention"}) {
      Training training(tiny_adapter(kind), type, Frozen::kNothing, testing::simulated_device());
      const int64_t before = testing::num_unaligned_products();
      training.run(0, 3);
      training.model().forward(pack(tiny_rows(3)));
      EXPECT_EQ(testing::num_unaligned_products(), before) << kind << " " << type;
    }
  }
}

// Hidden sizes that are no multiples of 8 have gaps in every activation, of all kinds of heads.
TEST(Devices, EncodersOfAnyWidth) {
  BertConfig bert = tiny_bert();
  bert.hidden_size = 20;
  bert.intermediate_size = 37;
  for (const char* kind : {"none", "pals", "houlsby", "lora", "top_attention"}) {
    const std::vector<AdapterConfig> adapters(kTinyTasks, tiny_adapter(kind));
    const auto training = [&](at::Device device, bool records) {
      return std::make_unique<Training>(adapters, at::kBFloat16, Frozen::kNothing, device, records,
                                        World(), bert);
    };
    const auto here = training(at::kCPU, false),
               there = training(testing::simulated_device(), true);
    const std::vector<double> expected = here->run(0, 8, Training::Way::kOneBatch),
                              losses = there->run(0, 8, Training::Way::kOneBatch);
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(losses[i], expected[i], 1e-6) << kind;
    EXPECT_LT(distance(here->arena().weights(), there->arena().weights()), 1e-6) << kind;
    const PackedBatch batch = pack(tiny_rows(3));
    const auto wanted = here->model().forward(batch), found = there->model().forward(batch);
    for (size_t i = 0; i < wanted.logits.size(); ++i) {
      EXPECT_LT(distance(found.logits[i], wanted.logits[i]), 5e-2) << kind << " " << i;
    }
  }
}

// Recorded backward computes weight gradients beside the rest; the simulated device as late as it
// may. Without dropout less is copied, and more could be changed under their hands.
TEST(Devices, WeightGradientsBesideAreThoseInTurn) {
  for (const double dropout : {0.0, 0.2}) {
    BertConfig bert = tiny_bert();
    bert.hidden_dropout_prob = dropout;
    for (const char* kind : {"none", "pals", "low_rank", "houlsby", "lora", "lhuc", "pals_lhuc",
                             "houlsby_pals", "top_attention"}) {
      const std::vector<AdapterConfig> adapters(kTinyTasks, tiny_adapter(kind));
      const auto trained = [&](bool records) {
        Training training(adapters, at::kFloat, Frozen::kNothing, testing::simulated_device(),
                          records, World(), bert);
        training.run(0, 8, Training::Way::kOneBatch);
        return training.arena().weights().cpu();
      };
      const int64_t before = testing::num_beside();
      const at::Tensor expected = trained(false);
      EXPECT_EQ(testing::num_beside(), before) << kind;
      const at::Tensor found = trained(true);
      EXPECT_GT(testing::num_beside(), before) << kind;
      EXPECT_LT(distance(found, expected), 1e-6) << kind << " " << dropout;
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
        Training together(adapter, type, Frozen::kNothing, device),
            apart(adapter, type, Frozen::kNothing, device);
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

        blocks.counting.joins_attention = false;
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
        Training training(tiny_adapter(kind), type, Frozen::kNothing, device);
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

}  // namespace
}  // namespace pals
