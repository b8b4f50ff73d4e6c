#include "export/onnx_model.h"

#include <numeric>

#include "base/error.h"
#include "base/file.h"
#include "base/version.h"
#include "export/onnx_encoder.h"
#include "kinds/kind.h"
#include "onnx/model_file.h"

namespace pals {
namespace {

// tanh(dense(first token)).
OnnxValue pooled(OnnxBlocks& blocks, const std::string& pooler, const OnnxValue& h) {
  const OnnxValue dense = blocks.dense(pooler, blocks.first_tokens(h));
  return blocks.graph().apply("Tanh", {dense});
}

// The head's outputs of a task; their names begin with `before`. The names that were given.
std::vector<std::string> add_head(OnnxBlocks& blocks, size_t number, const OnnxValue& h,
                                  const std::string& before) {
  OnnxGraph& graph = blocks.graph();
  const Task& task = blocks.model().tasks()[number];
  const HeadTraits head = kind_of(task).head();
  graph.set_scope(task.name + ".head.");
  const OnnxValue read = head.reads_tokens ? h : pooled(blocks, blocks.model().pooler(number), h);
  const std::string prefix = concat(task_prefix(static_cast<int>(number)), head.name, ".");
  const OnnxValue logits = blocks.dense(prefix, read);
  if (kind_of(task).foreign_head() == ForeignHead::kSpan) {
    std::vector<std::string> names = {before + "start_logits", before + "end_logits"};
    for (size_t i = 0; i < names.size(); ++i) {
      const OnnxValue which = graph.integers({static_cast<int64_t>(i)});
      const OnnxValue column = graph.apply("Gather", {logits, which}, {{"axis", int64_t{2}}});
      graph.add_output(graph.apply("Squeeze", {column, graph.integers({2})}), names[i],
                       {"batch", "sequence"});
    }
    return names;
  }
  std::vector<OnnxSize> shape = {"batch"};
  if (head.reads_tokens) shape.emplace_back("sequence");
  shape.emplace_back(num_outputs(task));
  graph.add_output(logits, before + "logits", shape);
  return {before + "logits"};
}

void add_encoder(OnnxBlocks& blocks, OnnxEncoder& encoder) {
  const OnnxValue h = encoder.shared();
  const int64_t size = blocks.model().bert().hidden_size;
  blocks.graph().set_scope("pooler.");
  blocks.graph().add_output(h, "last_hidden_state", {"batch", "sequence", size});
  if (blocks.model().find("pooler.dense.weight") == nullptr) return;
  blocks.graph().add_output(pooled(blocks, "pooler.dense.", h), "pooler_output", {"batch", size});
}

// What a program needs to know of a task beside the graph.
Json described(const Task& task, const std::vector<std::string>& outputs) {
  return {{"name", task.name},
          {"kind", kind_name(task.kind)},
          {"labels", task.labels},
          {"outputs", outputs}};
}

std::vector<size_t> chosen(const ExportedModel& model, const ExportedTask& task) {
  if (task) return {*task};
  std::vector<size_t> all(model.tasks().size());
  std::iota(all.begin(), all.end(), size_t{0});
  return all;
}

}  // namespace

void write_onnx_model(const std::string& path, const ExportedModel& model,
                      const ExportedTask& task) {
  OnnxGraph graph;
  OnnxBlocks blocks(model, graph);
  OnnxEncoder encoder(blocks);
  const std::vector<size_t> tasks = chosen(model, task);
  Json descriptions = Json::array();
  for (const size_t number : tasks) {
    const Task& one = model.tasks()[number];
    const std::string before = tasks.size() > 1 ? one.name + "." : "";
    descriptions.push_back(
        described(one, add_head(blocks, number, encoder.of_task(number), before)));
  }
  if (tasks.empty()) add_encoder(blocks, encoder);
  OnnxDescription description;
  description.name = tasks.size() == 1 ? model.tasks()[tasks.front()].name : "pals";
  description.producer_version = version();
  description.metadata = {
      {"pals.max_seq_length", std::to_string(model.description().max_seq_length)},
      {"pals.tasks", json_text(descriptions, -1)}};
  write_onnx(path, graph, description);
}

void write_onnx_folder_files(const std::string& folder, const ExportedModel& model,
                             const ExportedTask& task) {
  write_onnx_model(folder + "/model.onnx", model, task);
  write_transformers_tokenizer(folder, model);
  const bool one = model.tasks().size() == 1;
  Json config = bert_head_config(model, one ? ExportedTask(0) : task);
  if (!task && model.tasks().size() > 1) config.erase("architectures");  // no class has all heads
  write_file_atomically(folder + kConfigFile, json_text(config));
}

}  // namespace pals
