#include "cli/served_folder.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "adapters/registry.h"
#include "model/model_runner.h"
#include "model/open.h"
#include "nn/device.h"
#include "nn/precision_choice.h"

namespace pals {
namespace {

/// A network with its runner.
class FolderRunner : public Runner {
 public:
  explicit FolderRunner(LoadedModel loaded) : loaded_(std::move(loaded)), runner_(*loaded_.model) {}

  RunOutputs run(const PackedBatch& batch, const Wanted& wanted) const override {
    return runner_.run(batch, wanted);
  }
  bool shares_trunk(int task, int other) const override {
    return runner_.shares_trunk(task, other);
  }
  HeadShape head_shape(int task) const override { return runner_.head_shape(task); }
  int64_t hidden_size() const override { return runner_.hidden_size(); }

 private:
  LoadedModel loaded_;
  ModelRunner runner_;
};

/// Adds a task without adapter, whose head nobody asks: its trunk is the shared encoder.
int add_encoder(MultiTaskModel& model, const std::vector<AdapterConfig>& adapters,
                bool& has_pooler) {
  has_pooler = !std::ranges::all_of(adapters, &AdapterConfig::task_pooler);
  const AdapterConfig none =
      resolve_adapter({.task_pooler = !has_pooler}, model.bert_config(), "the shared encoder");
  const int number = model.add_task(none, {TaskKind::kRegression, 1});
  model.task_arena(number).refresh_shadow();
  model.pack_task(number);
  return number;
}

std::string name_of_folder(const std::string& path) {
  const auto absolute = std::filesystem::absolute(path).lexically_normal();
  return (absolute.has_filename() ? absolute : absolute.parent_path()).filename().string();
}

}  // namespace

std::shared_ptr<const ServedModel> load_served_model(const std::string& path,
                                                     const Precision& precision,
                                                     at::Device device) {
  LoadedModel loaded = load_model_folder(path, precision, device);
  auto served = std::make_shared<ServedModel>();
  served->encoder = add_encoder(*loaded.model, loaded.description.adapters, served->has_pooler);
  served->tasks = loaded.description.tasks;
  served->max_seq_length = loaded.description.max_seq_length;
  served->tokenizer = std::make_shared<Tokenizer>(*loaded.tokenizer);
  served->name = name_of_folder(path);
  const BertConfig& bert = loaded.description.bert;
  served->facts = {{"model_dtype", name_of(choice_of(precision))},
                   {"model_type", {{"embedding", {{"pooling", "mean"}}}}},
                   {"device", device_name(device)},
                   {"hidden_size", bert.hidden_size},
                   {"num_hidden_layers", bert.num_hidden_layers},
                   {"vocab_size", bert.vocab_size},
                   {"adapters", adapter_kinds_text(loaded.description.adapters)}};
  served->runner = std::make_shared<FolderRunner>(std::move(loaded));
  return served;
}

}  // namespace pals
