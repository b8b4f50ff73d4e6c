// The small files that transformers wants beside weights: config.json and the tokenizer's.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "export/exported_model.h"

namespace pals {

/// The number of a model's task that is written; nothing: the shared encoder alone.
using ExportedTask = std::optional<size_t>;

/// A config.json of BERT with the task's head: class, labels, kind of problem; of no task (null)
/// that of an encoder.
Json bert_head_config(const BertConfig& bert, const Task* task, int32_t pad_id);
Json bert_head_config(const ExportedModel& model, const ExportedTask& task);

/// The config.json with which transformers opens the model: the same, and for a task whose model is
/// more than BERT with a head, the classes of modeling_pals.py.
Json transformers_config(const ExportedModel& model, const ExportedTask& task);

/// Adds the names of the task's outputs (id2label, label2id), if they are labels, to a
/// configuration.
void add_labels(const Task& task, Json& config);

/// Names of files, each with a slash in front, and their texts.
using TokenizerTexts = std::vector<std::pair<std::string, std::string>>;

/// What transformers wants of a tokenizer: vocab.txt, tokenizer.json, tokenizer_config.json,
/// special_tokens_map.json and, where there are such tokens, added_tokens.json. Texts are cut at
/// `max_length` tokens.
TokenizerTexts transformers_tokenizer(const Tokenizer& tokenizer, int max_length);

/// Writes the same into a folder.
void write_transformers_tokenizer(const std::string& folder, const ExportedModel& model);

}  // namespace pals
