#include "model/weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>

#include "base/error.h"
#include "checkpoint/name_map.h"
#include "model/test_models.h"

namespace pals {
namespace {

using testing::tiny_adapter;
using testing::tiny_bert;
using testing::tiny_heads;
using testing::tiny_model;

bool is_houlsby(const MultiTaskModel& model) {
  return model.adapter_config(0).kind.starts_with("houlsby");
}

// A file in memory over the model's weights; `rename` gives the names under which a tensor stands.
using Rename = std::function<std::vector<std::string>(const Parameter&)>;

TensorFile file_of(const MultiTaskModel& model, const Rename& rename) {
  TensorFile file;
  const float* weights = model.arena().weights().data_ptr<float>();
  for (const Parameter& row : model.arena().table().rows()) {
    for (const std::string& name : rename(row)) {
      file.add(make_tensor_entry(name, DType::kF32, row.shape, weights + row.offset), "test");
    }
  }
  return file;
}

std::vector<std::string> own_name(const Parameter& row) { return {row.name}; }

std::vector<std::string> all_reference_names(const MultiTaskModel& model, const Parameter& row) {
  const auto names = reference_names(row.name, model.adapter_config(0).layers, is_houlsby(model));
  // LoRA, which the reference does not have, has its own names everywhere.
  return names.empty() ? std::vector<std::string>{row.name} : names;
}

std::unique_ptr<MultiTaskModel> blank_model(const AdapterConfig& adapter,
                                            at::ScalarType type = at::kFloat) {
  return std::make_unique<MultiTaskModel>(tiny_bert(), adapter, tiny_heads(), type);
}

std::string load_error(MultiTaskModel& model, const TensorFile& file, LoadScope scope) {
  try {
    load_weights(model, file, scope, "weights.bin");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void expect_parts(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  }
}

class EveryAdapterWeights : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryAdapterWeights, ReferenceNamesLeadBack) {
  for (const std::vector<int>& layers : {std::vector<int>{}, std::vector<int>{1}}) {
    if (!layers.empty() && GetParam().starts_with("top_") && !GetParam().ends_with("_lhuc")) {
      continue;
    }
    const auto model = blank_model(tiny_adapter(GetParam(), layers));
    const ParameterTable& table = model->arena().table();
    for (const Parameter& row : table.rows()) {
      const std::vector<std::string> names = all_reference_names(*model, row);
      EXPECT_FALSE(names.empty()) << row.name;
      for (const std::string& name : names) {
        const std::string canonical = canonical_name(name);
        const bool direct = table.find(canonical) >= 0;
        EXPECT_EQ(direct ? canonical : tied_name(canonical), row.name) << name;
      }
      EXPECT_EQ(canonical_name(row.name), row.name);
    }
  }
}

TEST_P(EveryAdapterWeights, LoadUnderEachNaming) {
  const AdapterConfig adapter = tiny_adapter(GetParam());
  const auto model = tiny_model(tiny_bert(), adapter);
  const std::vector<Rename> namings = {
      own_name, [&](const Parameter& row) { return all_reference_names(*model, row); },
      [&](const Parameter& row) {  // transformers' names with a prefix
        const bool shared = row.owner == kSharedOwner;
        return std::vector<std::string>{shared ? "bert." + row.name : row.name};
      }};
  for (const Rename& naming : namings) {
    const auto loaded = blank_model(adapter, at::kBFloat16);
    const LoadReport report =
        load_weights(*loaded, file_of(*model, naming), LoadScope::kAll, "test");
    EXPECT_TRUE(report.missing.empty());
    EXPECT_TRUE(report.unused.empty());
    EXPECT_TRUE(at::equal(loaded->arena().weights(), model->arena().weights()));
    EXPECT_TRUE(at::equal(loaded->arena().shadow(), model->arena().weights().to(at::kBFloat16)));
  }
}

TEST_P(EveryAdapterWeights, SharedScopeLeavesTaskParts) {
  const AdapterConfig adapter = tiny_adapter(GetParam());
  const auto source = tiny_model(tiny_bert(), adapter);
  const auto model = blank_model(adapter);
  model->arena().initialize(0.1, 99);
  const at::Tensor before = model->arena().weights().clone();
  load_weights(*model, file_of(*source, own_name), LoadScope::kShared, "test");
  for (const Parameter& row : model->arena().table().rows()) {
    const auto part = [&](const at::Tensor& x) { return x.narrow(0, row.offset, row.numel); };
    const at::Tensor& expected = row.owner == kSharedOwner ? source->arena().weights() : before;
    EXPECT_TRUE(at::equal(part(model->arena().weights()), part(expected))) << row.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryAdapterWeights, ::testing::ValuesIn(adapter_names()),
                         [](const auto& info) { return info.param; });

TEST(LoadWeights, NamesMissingTensorsAndLoadsNothing) {
  const AdapterConfig adapter = tiny_adapter("pals");
  const auto source = tiny_model(tiny_bert(), adapter);
  const auto model = blank_model(adapter);
  const TensorFile file = file_of(*source, [](const Parameter& row) -> std::vector<std::string> {
    if (row.name == "tasks.1.pal.up.weight") return {};
    if (row.name == "pooler.dense.bias") return {"poler.dense.bias"};
    return {row.name};
  });
  expect_parts(load_error(*model, file, LoadScope::kAll),
               {"weights.bin: ", "missing", "tasks.1.pal.up.weight [24, 12]", "pooler.dense.bias",
                "unknown name: poler.dense.bias"});
  EXPECT_EQ(model->arena().weights().abs().max().item<float>(), 0.0F);
}

TEST(LoadWeights, APoolerMayBeMissingFromASharedPart) {
  const AdapterConfig adapter = tiny_adapter("none");
  const auto source = tiny_model(tiny_bert(), adapter);
  const auto model = blank_model(adapter);
  const auto without = [&](const std::string& missing) {
    return file_of(*source, [missing](const Parameter& row) -> std::vector<std::string> {
      if (row.name.starts_with(missing)) return {};
      return {row.name};
    });
  };
  const LoadReport report = load_weights(*model, without("pooler."), LoadScope::kShared, "test");
  EXPECT_TRUE(std::count(report.missing.begin(), report.missing.end(), "pooler.dense.weight"));
  EXPECT_FALSE(load_error(*model, without("embeddings.LayerNorm"), LoadScope::kShared).empty());
  expect_parts(load_error(*model, without("pooler."), LoadScope::kAll), {"pooler.dense.weight"});
}

// Each kind alone and beside one that reads the pooler, with a shared pooler and one of its own.
TEST(LoadWeights, APoolerMayBeMissingWhereNoHeadReadsIt) {
  const auto without_pooler = [](const Parameter& row) -> std::vector<std::string> {
    if (row.name.find("pooler.") != std::string::npos) return {};
    return {row.name};
  };
  for (const HeadSpec& head : tiny_heads()) {
    for (const bool own : {false, true}) {
      SCOPED_TRACE(concat(kind_name(head.kind), own ? ", own pooler" : ""));
      const AdapterConfig adapter = tiny_adapter("none", {}, own);
      const std::vector<HeadSpec> alone = {head}, mixed = {head, {TaskKind::kRegression, 1}};
      MultiTaskModel model(tiny_bert(), adapter, alone, at::kFloat);
      const bool reads_tokens = model.head(0).reads_tokens();
      EXPECT_EQ(model.reads_pooler(own ? 0 : kSharedOwner), !reads_tokens);
      EXPECT_FALSE(model.reads_pooler(own ? kSharedOwner : 0));
      EXPECT_EQ(load_error(model, file_of(model, own_name), LoadScope::kAll), "");
      const TensorFile file = file_of(model, without_pooler);
      EXPECT_EQ(load_error(model, file, LoadScope::kAll).empty(), reads_tokens);
      EXPECT_EQ(load_error(model, file, LoadScope::kShared), "");
      MultiTaskModel both(tiny_bert(), adapter, mixed, at::kFloat);
      const std::string missing = own ? "tensors: tasks.1.pooler." : "tensors: pooler.";
      const std::string found = load_error(both, file_of(both, without_pooler), LoadScope::kAll);
      EXPECT_EQ(found.find("missing tensors: tasks.0") != std::string::npos, own && !reads_tokens);
      if (!own || reads_tokens) expect_parts(found, {missing});
    }
  }
}

TEST(LoadTaskWeights, AHeadOfTokensNeedsNoPoolerOfItsOwn) {
  for (const TaskKind kind : {TaskKind::kTagging, TaskKind::kClassification}) {
    const std::vector<HeadSpec> heads = {{kind, 2}};
    MultiTaskModel model(tiny_bert(), tiny_adapter("none", {}, true), heads, at::kFloat);
    const std::vector<float> values(48, 1.0F);
    TensorFile file;
    file.add(make_tensor_entry("classifier.weight", DType::kF32, {2, 24}, values.data()), "test");
    file.add(make_tensor_entry("classifier.bias", DType::kF32, {2}, values.data()), "test");
    std::string message;
    try {
      load_task_weights(model, 0, file, "adapter");
    } catch (const Error& error) {
      message = error.what();
    }
    EXPECT_EQ(message.empty(), kind == TaskKind::kTagging) << message;
  }
}

TEST(LoadWeights, NamesTensorsThatDoNotFitAndLoadsNothing) {
  const AdapterConfig adapter = tiny_adapter("low_rank");
  const auto source = tiny_model(tiny_bert(), adapter);
  const std::vector<float> wrong(200, 1.0F);
  const std::vector<int64_t> whole(200, 1);
  for (const bool integers : {false, true}) {
    TensorFile file;
    const float* weights = source->arena().weights().data_ptr<float>();
    for (const Parameter& row : source->arena().table().rows()) {
      TensorEntry entry = make_tensor_entry(row.name, DType::kF32, row.shape, weights + row.offset);
      if (row.name == "tasks.2.classifier.weight") {
        entry = integers ? make_tensor_entry(row.name, DType::kI64, row.shape, whole.data())
                         : make_tensor_entry(row.name, DType::kF32, {2, 24}, wrong.data());
      }
      file.add(std::move(entry), "test");
    }
    const auto model = blank_model(adapter);
    expect_parts(load_error(*model, file, LoadScope::kAll),
                 {"weights.bin: ", "tasks.2.classifier.weight",
                  integers ? "found I64 values" : "found [2, 24], expected [3, 24]"});
    EXPECT_EQ(model->arena().weights().abs().max().item<float>(), 0.0F);
  }
}

TEST(LoadWeights, TiedCopiesThatDifferAreNamed) {
  const AdapterConfig adapter = tiny_adapter("pals");
  const auto source = tiny_model(tiny_bert(), adapter);
  const std::vector<float> other(24 * 12, 0.5F);
  const char* alias = "bert.encoder.layer.1.multi_layers.0.aug_dense.weight";
  TensorFile file;
  const float* weights = source->arena().weights().data_ptr<float>();
  for (const Parameter& row : source->arena().table().rows()) {
    for (const std::string& name : all_reference_names(*source, row)) {
      const void* data = name == alias ? other.data() : weights + row.offset;
      file.add(make_tensor_entry(name, DType::kF32, row.shape, data), "test");
    }
  }
  const auto model = blank_model(adapter);
  expect_parts(load_error(*model, file, LoadScope::kAll),
               {alias, "differs from bert.encoder.mult_aug_dense.0.weight"});
  EXPECT_EQ(model->arena().weights().abs().max().item<float>(), 0.0F);
}

TEST(LoadWeights, TaskPoolersStartFromTheSharedOne) {
  const auto source = tiny_model(tiny_bert(), tiny_adapter("pals"));
  const auto model = blank_model(tiny_adapter("pals", {}, true));
  const TensorFile file = file_of(*source, own_name);
  const LoadReport report = load_weights(*model, file, LoadScope::kShared, "test");
  const ParameterTable& table = model->arena().table();
  EXPECT_EQ(table.find("pooler.dense.weight"), -1);
  const at::Tensor shared =
      source->arena().weight(source->arena().table().find("pooler.dense.weight"));
  for (int task = 0; task < 3; ++task) {
    const ParameterId id = table.find(concat("tasks.", task, ".pooler.dense.weight"));
    ASSERT_GE(id, 0);
    EXPECT_TRUE(at::equal(model->arena().weight(id), shared)) << task;
  }
  for (const std::string& name : report.unused) {
    EXPECT_EQ(name.find("pooler."), std::string::npos) << name;
  }
}

TEST(LoadTaskWeights, FillsOneTaskOnly) {
  const AdapterConfig adapter = tiny_adapter("houlsby_pals");
  const auto source = tiny_model(tiny_bert(), adapter);
  const TensorFile file = file_of(*source, [](const Parameter& row) -> std::vector<std::string> {
    if (row.owner != 2) return {};
    return {row.name.substr(std::string("tasks.2.").size())};
  });
  const auto model = blank_model(adapter);
  load_task_weights(*model, 2, file, "adapter");
  for (const Parameter& row : model->arena().table().rows()) {
    const auto part = [&](const at::Tensor& x) { return x.narrow(0, row.offset, row.numel); };
    const at::Tensor expected =
        row.owner == 2 ? part(source->arena().weights()) : at::zeros({row.numel});
    EXPECT_TRUE(at::equal(part(model->arena().weights()), expected)) << row.name;
  }
}

TEST(LoadTaskWeights, NamesWhatDoesNotFit) {
  const auto model = blank_model(tiny_adapter("lhuc"));
  const std::vector<float> values(100, 1.0F);
  TensorFile file;
  file.add(make_tensor_entry("layer.0.lhuc.scale", DType::kF32, {23}, values.data()), "test");
  file.add(make_tensor_entry("layer.1.lhuc.scale", DType::kI32, {24}, values.data()), "test");
  file.add(make_tensor_entry("layer.2.lhuc.scale", DType::kF32, {24}, values.data()), "test");
  file.add(make_tensor_entry("classifier.weight", DType::kF32, {2, 24}, values.data()), "test");
  try {
    load_task_weights(*model, 0, file, "adapter.safetensors");
    FAIL();
  } catch (const Error& error) {
    expect_parts(error.what(),
                 {"adapter.safetensors: ", "layer.0.lhuc.scale (found [23], expected [24])",
                  "layer.1.lhuc.scale (found I32", "layer.2.lhuc.scale (unknown)",
                  "classifier.bias (missing)"});
  }
  EXPECT_EQ(model->arena().weights().abs().max().item<float>(), 0.0F);
}

TEST(OrderOutputs, PutsTheHeadsRowsIntoAnotherOrder) {
  const Task task{.name = "mine", .labels = {"c", "a", "b"}};
  const auto model = tiny_model(tiny_bert(), tiny_adapter("pals"));
  testing::randomise(*model, 3);
  const at::Tensor before = model->arena().weights().clone();
  const ParameterTable& table = model->arena().table();
  order_outputs(*model, 2, task, {});
  EXPECT_TRUE(at::equal(model->arena().weights(), before));
  order_outputs(*model, 2, task, {2, 0, 1});
  for (const Parameter& row : table.rows()) {
    at::Tensor expected = before.narrow(0, row.offset, row.numel).view(row.shape);
    if (row.name.starts_with("tasks.2.classifier.")) {
      expected = at::stack({expected[2], expected[0], expected[1]});
    }
    EXPECT_TRUE(at::equal(model->arena().weight(table.find(row.name)), expected)) << row.name;
  }
}

TEST(FilledRows, AreInTheTablesOrderAndConverted) {
  const auto model = tiny_model(tiny_bert(), tiny_adapter("none"));
  const ParameterTable& table = model->arena().table();
  const std::vector<uint16_t> halves(24, 0x3f80);  // 1 as bf16
  TensorFile file;
  file.add(make_tensor_entry("pooler.dense.bias", DType::kBF16, {24}, halves.data()), "test");
  WeightPlan plan;
  const ParameterId id = table.find("pooler.dense.bias");
  plan.sources[id] = file.find("pooler.dense.bias");
  const std::vector<TensorEntry> rows = filled_rows(table, plan, file);
  ASSERT_EQ(rows.size(), table.rows().size());
  for (size_t i = 0; i < rows.size(); ++i) {
    if (static_cast<ParameterId>(i) != id) {
      EXPECT_TRUE(rows[i].bytes.empty());
      continue;
    }
    EXPECT_EQ(rows[i].dtype, DType::kF32);
    std::vector<float> values(24);
    copy_as_float(rows[i], values.data(), values.size());
    EXPECT_EQ(values, std::vector<float>(24, 1.0F));
  }
}

TEST(ListNames, StaysWithinALine) {
  EXPECT_EQ(list_names({}), "");
  EXPECT_EQ(list_names({"a", "b\n"}), "a, \"b\\n\"");
  std::vector<std::string> names;
  for (int i = 100; i < 500; ++i)
    names.push_back(concat("encoder.layer.", i, ".output.dense.bias"));
  const std::string one = list_names(names), two = list_names(names, 2);
  EXPECT_LT(one.size(), 200U);
  EXPECT_TRUE(one.ends_with(" and 396 more")) << one;
  EXPECT_LT(two.size(), 110U);
  EXPECT_TRUE(two.ends_with(" and 398 more")) << two;
  EXPECT_LT(list_names({std::string(5000, 'x'), "b"}).size(), 200U);
}

}  // namespace
}  // namespace pals
