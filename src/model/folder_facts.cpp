#include "model/folder_facts.h"

#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "adapters/adapter_config.h"
#include "base/error.h"
#include "base/text_util.h"
#include "checkpoint/load_tensor_file.h"
#include "checkpoint/safetensors.h"
#include "kinds/kind.h"
#include "model/folder_writer.h"
#include "model/open.h"

namespace pals {
namespace {

int64_t bytes_below(const std::string& path) {
  std::error_code error;
  int64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path, error)) {
    if (entry.is_regular_file(error)) bytes += static_cast<int64_t>(entry.file_size(error));
  }
  return bytes;
}

OrderedJson task_facts(const Task& task, const AdapterConfig& adapter, int64_t parameters) {
  OrderedJson metrics = OrderedJson::array();
  for (const Metric metric : task.metrics) metrics.push_back(metric_name(metric));
  OrderedJson facts = {{"name", task.name}, {"kind", kind_name(task.kind)}};
  if (kind_of(task).has_labels()) facts["labels"] = task.labels;
  if (kind_of(task).has_values()) facts["label_scale"] = task.label_scale;
  facts["metrics"] = std::move(metrics);
  facts["adapter"] = OrderedJson(adapter_to_json(adapter));
  facts["parameters"] = parameters;
  return facts;
}

std::string text_of(const OrderedJson& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  constexpr size_t kShown = 10;
  std::vector<std::string> items;
  for (size_t i = 0; i < value.size() && i < kShown; ++i) items.push_back(text_of(value[i]));
  if (value.size() > kShown) items.push_back(concat("and ", value.size() - kShown, " more"));
  return join(items, ", ");
}

}  // namespace

OrderedJson folder_facts(const std::string& path) {
  if (!std::filesystem::exists(path) && !std::filesystem::exists(path + ".index")) {
    fail(path, ": no such model folder; give one, such as RUN/best of a run's folder");
  }
  const OpenedModel opened = open_model({.path = path, .flag = "FOLDER"});
  const ModelDescription& description = opened.description;
  const BertConfig& bert = description.bert;
  const Tokenizer tokenizer = open_tokenizer(opened);
  TensorFile file = load_tensor_file(opened.files.weights);
  const std::string hash = check_shared_weights(opened, file);
  // For its table: the memory of its weights is never touched.
  const MultiTaskModel layout(bert, description.adapters, head_specs(description.tasks),
                              at::kFloat);
  const ParameterTable& table = layout.arena().table();
  OrderedJson tasks = OrderedJson::array();
  int64_t total = table.count(kSharedOwner);
  for (size_t i = 0; i < description.tasks.size(); ++i) {
    const std::string weights = find_adapter_files(path, description.tasks[i].name).weights;
    opened.identity.check_task_weights(i, read_safetensors(weights));
    const int64_t parameters = table.count(static_cast<int>(i));
    total += parameters;
    tasks.push_back(task_facts(description.tasks[i], description.adapters[i], parameters));
    tasks.back()["bytes"] = bytes_below(std::filesystem::path(weights).parent_path().string());
  }
  return {{"folder", path},
          {"encoder",
           {{"layers", bert.num_hidden_layers},
            {"hidden_size", bert.hidden_size},
            {"attention_heads", bert.num_attention_heads},
            {"positions", bert.max_position_embeddings},
            {"vocabulary", tokenizer.vocabulary().size()},
            {"lower_case", tokenizer.do_lower_case()}}},
          {"max_seq_length", description.max_seq_length},
          {"parameters", {{"shared", table.count(kSharedOwner)}, {"total", total}}},
          {"bytes", bytes_below(path)},
          {"shared_weights", hash.empty() ? OrderedJson() : OrderedJson(hash)},
          {"tasks", std::move(tasks)},
          {"verified", opened.trained}};
}

std::string folder_facts_text(const OrderedJson& facts) {
  std::string text;
  for (const auto& item : facts.items()) {
    if (item.key() == "tasks") continue;
    std::string value = text_of(item.value());
    if (item.value().is_object()) {
      std::vector<std::string> parts;
      for (const auto& part : item.value().items()) {
        parts.push_back(concat(part.key(), " ", text_of(part.value())));
      }
      value = join(parts, ", ");
    }
    if (item.key() == "verified") {
      value = item.value().get<bool>() ? "all hashes are those that the tasks were trained with"
                                       : "no tasks, nothing to compare with";
    }
    text += concat(item.key(), ": ", value, "\n");
  }
  for (const OrderedJson& task : facts["tasks"]) {
    text += concat("task ", text_of(task["name"]), "\n");
    for (const auto& item : task.items()) {
      if (item.key() != "name") text += concat("  ", item.key(), ": ", text_of(item.value()), "\n");
    }
  }
  return text;
}

}  // namespace pals
