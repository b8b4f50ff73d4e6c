#include "export/companions.h"

#include "base/error.h"
#include "base/file.h"
#include "bert/config.h"
#include "kinds/kind.h"
#include "kinds/transformers_head.h"
#include "text/tokenizer_files.h"
#include "text/tokenizer_json.h"

namespace pals {
namespace {

// What stands behind "Bert" in the name of the class of transformers; null: an encoder.
const char* class_of(const Task* task) {
  if (task == nullptr) return "Model";
  const char* const name = transformers_head(*task).class_name;
  if (name == nullptr) {
    fail("transformers has no head for a task of the kind ", kind_name(task->kind));
  }
  return name;
}

// The classes of modeling_pals.py, by the names under which transformers asks for them.
Json class_map(const std::string& class_name) {
  Json map = {{"AutoConfig", "modeling_pals.PalsConfig"}, {"AutoModel", "modeling_pals.PalsModel"}};
  if (class_name != "Model") {
    map["AutoModel" + class_name] = "modeling_pals.Pals" + class_name;
  }
  return map;
}

void add_names(const std::vector<std::string>& names, Json& config) {
  for (size_t i = 0; i < names.size(); ++i) {
    config["id2label"][std::to_string(i)] = names[i];
    config["label2id"][names[i]] = i;
  }
}

void add_task(const Task& task, Json& config) {
  const TransformersHead head = transformers_head(task);
  if (head.problem != nullptr) config["problem_type"] = head.problem;
  std::vector<std::string> names = output_names(task);
  for (int64_t i = std::ssize(names); i < num_outputs(task); ++i)
    names.push_back(concat("LABEL_", i));
  add_names(names, config);  // transformers counts outputs by them
  Json keys = Json::object();
  kind_of(task).write_keys(task, keys);
  if (keys.contains("threshold")) config["threshold"] = keys["threshold"];
}

}  // namespace

void add_labels(const Task& task, Json& config) { add_names(output_names(task), config); }

Json bert_head_config(const BertConfig& bert, const Task* task, int32_t pad_id) {
  Json config = bert_config_to_json(bert);
  config["architectures"] = Json::array({concat("Bert", class_of(task))});
  config["pad_token_id"] = pad_id;
  config["dtype"] = "float32";
  if (task != nullptr) add_task(*task, config);
  return config;
}

Json bert_head_config(const ExportedModel& model, const ExportedTask& task) {
  return bert_head_config(model.bert(), task ? &model.tasks()[*task] : nullptr,
                          model.tokenizer().vocabulary().pad_id());
}

Json transformers_config(const ExportedModel& model, const ExportedTask& task) {
  Json config = bert_head_config(model, task);
  if (!task || is_plain(model.adapter(*task))) return config;
  const std::string class_name = class_of(&model.tasks()[*task]);
  config["architectures"] = Json::array({"Pals" + class_name});
  config["model_type"] = "pals";
  config["auto_map"] = class_map(class_name);
  config["pals_adapter"] = adapter_to_json(model.adapter(*task));
  return config;
}

TokenizerTexts transformers_tokenizer(const Tokenizer& tokenizer, int max_length) {
  const TokenizerSettings& settings = tokenizer.settings();
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  TokenizerTexts texts = {
      {kVocabularyFile, vocabulary.to_text()},
      {"/tokenizer.json", json_text(tokenizer_json(settings, vocabulary), -1)},
      {kTokenizerFile, json_text(transformers_tokenizer_config(settings, vocabulary, max_length))},
      {"/special_tokens_map.json", json_text(special_tokens_map(vocabulary))}};
  const Json added = added_tokens_json(settings, vocabulary);
  if (!added.empty()) texts.emplace_back(kAddedTokensFile, json_text(added));
  return texts;
}

void write_transformers_tokenizer(const std::string& folder, const ExportedModel& model) {
  for (const auto& [name, text] :
       transformers_tokenizer(model.tokenizer(), model.description().max_seq_length)) {
    write_file_atomically(folder + name, text);
  }
}

}  // namespace pals
