#include "export/transformers.h"

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "export/modeling.h"
#include "kinds/kind.h"

namespace pals {
namespace {

void add(std::vector<TensorEntry>& tensors, const TensorEntry& tensor, std::string name) {
  tensors.push_back(tensor);
  tensors.back().name = std::move(name);
}

// The pooler, the same for all: `from` names where it lies.
void add_pooler(const ExportedModel& model, const std::string& from, const std::string& prefix,
                std::vector<TensorEntry>& tensors) {
  if (from.empty()) return;
  for (const char* part : {"weight", "bias"}) {
    add(tensors, model.tensor(from + part), concat(prefix, "pooler.dense.", part));
  }
}

std::vector<TensorEntry> transformers_tensors(const ExportedModel& model, const ExportedTask& task,
                                              ExportedPart part) {
  const bool has_head = task && part == ExportedPart::kWithHead;
  const std::string prefix = has_head ? "bert." : "";
  std::vector<TensorEntry> tensors;
  for (const TensorEntry* tensor : model.encoder_tensors()) {
    add(tensors, *tensor, prefix + tensor->name);
  }
  if (!task) {
    const bool has_pooler = model.find("pooler.dense.weight") != nullptr;
    add_pooler(model, has_pooler ? "pooler.dense." : "", prefix, tensors);
    return tensors;
  }
  const std::string own = task_prefix(static_cast<int>(*task));
  for (const TensorEntry* tensor : model.adapter_tensors(*task)) {
    add(tensors, *tensor, concat(prefix, "adapter.", tensor->name.substr(own.size())));
  }
  const HeadTraits head = kind_of(model.tasks()[*task]).head();
  // transformers has no pooler where the head reads tokens.
  if (!has_head || !head.reads_tokens) add_pooler(model, model.pooler(*task), prefix, tensors);
  if (!has_head) return tensors;
  for (const char* end : {"weight", "bias"}) {
    const std::string name = concat(head.name, ".", end);
    add(tensors, model.tensor(own + name), name);
  }
  return tensors;
}

}  // namespace

void write_transformers_files(const std::string& folder, const ExportedModel& model,
                              const ExportedTask& task, ExportedPart part) {
  Json config = transformers_config(model, task);
  const bool plain = !task || is_plain(model.adapter(*task));
  if (part == ExportedPart::kEncoder) {
    config["architectures"] = Json::array({plain ? "BertModel" : "PalsModel"});
  }
  write_file_atomically(folder + kConfigFile, json_text(config));
  write_safetensors(folder + kWeightsFile, transformers_tensors(model, task, part),
                    {{"format", "pt"}});
  write_transformers_tokenizer(folder, model);
  if (!plain) write_file_atomically(folder + "/modeling_pals.py", modeling_pals());
}

}  // namespace pals
