// A predicting model takes in tasks and lets go of them: the other tasks' outputs stay as they are.
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/test_models.h"
#include "modules/int8_weights.h"
#include "modules/precision_choice.h"

namespace pals {
namespace {

using testing::kTinyTasks;
using testing::pack;
using testing::rows_of;
using testing::tiny_adapter;
using testing::tiny_adapters;
using testing::tiny_bert;
using testing::tiny_heads;
using testing::tiny_rows;

std::unique_ptr<MultiTaskModel> predicting(const std::vector<AdapterConfig>& adapters,
                                           const Precision& precision) {
  auto model = std::make_unique<MultiTaskModel>(tiny_bert(), adapters, tiny_heads(), precision);
  testing::randomise(*model, 11);
  model->pack_weights();
  return model;
}

// Those that this processor can compute in.
std::vector<Precision> precisions_here() {
  std::vector<Precision> precisions = {at::kFloat, at::kBFloat16};
  if (Int8Weights::supported()) {
    precisions.push_back(choose_precision(PrecisionChoice::kInt8, at::kCPU));
  }
  return precisions;
}

std::vector<at::Tensor> logits_of(const MultiTaskModel& model,
                                  const std::vector<testing::Row>& rows) {
  return model.forward(pack(rows)).logits;
}

void expect_same(const std::vector<at::Tensor>& actual, const std::vector<at::Tensor>& expected) {
  ASSERT_GE(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(at::equal(actual[i], expected[i])) << i;
}

// Gives an added task the weights that a task of `from` has.
void copy_task(MultiTaskModel& to, int task, MultiTaskModel& from, int from_task) {
  const auto prefix = [](int number) { return "tasks." + std::to_string(number) + "."; };
  ParameterArena &target = to.task_arena(task), &source = from.arena();
  for (const Parameter& row : source.table().rows()) {
    if (row.owner != from_task) continue;
    const std::string name = row.name.substr(prefix(from_task).size());
    const ParameterId id = target.table().find(prefix(task) + name);
    ASSERT_GE(id, 0) << name;
    target.weight(id).copy_(source.weight(source.table().find(row.name)));
  }
  target.refresh_shadow();
  to.pack_task(task);
}

class RunTimeTasks : public ::testing::TestWithParam<std::string> {
 protected:
  // Rows of an added task, behind the others'.
  static std::vector<testing::Row> with_rows_of(std::vector<testing::Row> rows, int task,
                                                int like) {
    for (testing::Row row : rows_of(tiny_rows(3, 9), like)) {
      row.task = task;
      rows.push_back(std::move(row));
    }
    return rows;
  }
};

TEST_P(RunTimeTasks, AreAsIfTheyHadBeenThereAndLeaveTheOthersAlone) {
  for (const Precision& precision : precisions_here()) {
    // A task like number 2, of the kind in question.
    std::vector<AdapterConfig> adapters = tiny_adapters("mixed");
    adapters[2] = tiny_adapter(GetParam());
    const auto whole = predicting(adapters, precision);
    const auto model = predicting(tiny_adapters("mixed"), precision);
    // The same shared weights.
    const ArenaRange shared = whole->arena().table().range(kSharedOwner);
    ASSERT_TRUE(at::equal(whole->arena().weights().slice(0, 0, shared.end),
                          model->arena().weights().slice(0, 0, shared.end)));
    const std::vector<testing::Row> rows = tiny_rows(3);
    const auto before = logits_of(*model, rows);

    const int task = model->add_task(adapters[2], tiny_heads()[2]);
    EXPECT_EQ(task, kTinyTasks);
    EXPECT_TRUE(model->has_task(task));
    copy_task(*model, task, *whole, 2);
    expect_same(logits_of(*model, rows), before);
    const auto together = logits_of(*model, with_rows_of(rows, task, 2));
    expect_same(together, before);
    const auto expected = logits_of(*whole, with_rows_of({}, 2, 2));
    expect_same(logits_of(*model, with_rows_of({}, task, 2)), expected);

    model->remove_task(task);
    EXPECT_FALSE(model->has_task(task));
    expect_same(logits_of(*model, rows), before);
    EXPECT_THROW(model->forward(pack(with_rows_of({}, task, 2))), c10::Error);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, RunTimeTasks, ::testing::ValuesIn(adapter_names()),
                         [](const auto& info) { return info.param; });

TEST(RunTimeTask, NumbersBecomeFreeAndAreGivenAgain) {
  const auto model = predicting(tiny_adapters("pals"), at::kFloat);
  std::vector<testing::Row> rows = tiny_rows(2);
  std::erase_if(rows, [](const testing::Row& row) { return row.task == 1; });
  const auto before = logits_of(*model, rows);
  model->remove_task(1);
  expect_same(logits_of(*model, rows), before);
  const ArenaRange range = model->arena().table().range(1);
  EXPECT_EQ(model->num_tasks(), kTinyTasks);
  EXPECT_EQ(model->add_task(tiny_adapter("lora"), tiny_heads()[0]), 1);
  EXPECT_EQ(model->add_task(tiny_adapter("none"), tiny_heads()[0]), kTinyTasks);
  expect_same(logits_of(*model, rows), before);
  model->remove_task(1);
  model->remove_task(0);
  EXPECT_EQ(model->add_task(tiny_adapter("none"), tiny_heads()[0]), 0);
  EXPECT_EQ(model->add_task(tiny_adapter("none"), tiny_heads()[0]), 1);
  EXPECT_GT(range.end, range.begin);
}

TEST(RunTimeTask, WhatCannotBeIsRefused) {
  const auto own_poolers = predicting(tiny_adapters("pals", {}, true), at::kFloat);
  EXPECT_THROW(own_poolers->add_task(tiny_adapter("pals"), tiny_heads()[0]), Error);
  EXPECT_NO_THROW(own_poolers->add_task(tiny_adapter("pals", {}, true), tiny_heads()[0]));
  EXPECT_THROW(own_poolers->remove_task(77), c10::Error);
  const auto trains = testing::tiny_model(tiny_bert(), tiny_adapter("pals"));
  EXPECT_THROW(trains->add_task(tiny_adapter("pals"), tiny_heads()[0]), c10::Error);
  EXPECT_THROW(trains->remove_task(0), c10::Error);
}

}  // namespace
}  // namespace pals
