// What is exported: a model's description and tensors, by the names that they have here.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "adapters/adapter_config.h"
#include "checkpoint/tensor_file.h"
#include "model/folder_writer.h"
#include "tasks/task.h"
#include "text/tokenizer.h"

namespace pals {

/// A model to write. What it refers to must outlive it.
class ExportedModel {
 public:
  /// `rows`: the model's tensors, fp32, as ModelTensors has them. Of a regression the head is
  /// scaled, so that its output is the value in the units of the data.
  ExportedModel(const ModelDescription& description, const Tokenizer& tokenizer,
                const std::vector<TensorEntry>& rows);

  const BertConfig& bert() const { return description_.bert; }
  const ModelDescription& description() const { return description_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  const std::vector<Task>& tasks() const { return description_.tasks; }
  const AdapterConfig& adapter(size_t task) const { return description_.adapters[task]; }

  /// The tensor of that name, "encoder.layer.0.output.dense.weight"; null if there is none.
  const TensorEntry* find(const std::string& name) const;
  /// Throws Error if there is none.
  const TensorEntry& tensor(const std::string& name) const;
  /// Where the task's pooler lies: "tasks.0.pooler.dense." or, of one without its own,
  /// "pooler.dense."; empty if the model has none.
  std::string pooler(size_t task) const;

  /// All shared tensors, without the pooler; a task's own ones, without pooler and head. In the
  /// order of the model.
  std::vector<const TensorEntry*> encoder_tensors() const;
  std::vector<const TensorEntry*> adapter_tensors(size_t task) const;

 private:
  void scale_head(size_t task);

  const ModelDescription& description_;
  const Tokenizer& tokenizer_;
  std::vector<TensorEntry> rows_;
  std::map<std::string, size_t> places_;  // of rows_, by name
  TensorFile memory_;                     // of the tensors that are not as they were
};

/// An adapter kind without LHUC: "pals_lhuc" is {"pals", true}, "lhuc" is {"none", true}.
struct ExportedKind {
  std::string name;
  bool lhuc = false;
};
ExportedKind exported_kind(const AdapterConfig& adapter);

/// Whether a task's model is BERT with a head and nothing else.
bool is_plain(const AdapterConfig& adapter);

}  // namespace pals
