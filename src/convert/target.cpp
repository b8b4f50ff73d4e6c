#include "convert/target.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "adapters/reference_keys.h"
#include "adapters/registry.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text_util.h"
#include "checkpoint/name_map.h"
#include "checkpoint/pytorch_file.h"
#include "checkpoint/safetensors.h"
#include "convert/foreign_target.h"
#include "export/companions.h"
#include "model/folder_parts.h"
#include "model/open.h"
#include "text/tokenizer_files.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

constexpr const char* kReferenceConfig = "bert_config.json";

void replace_ending(std::string& name, std::string_view from, std::string_view to) {
  if (std::string_view(name).ends_with(from)) {
    name.replace(name.size() - from.size(), from.size(), to);
  }
}

// The adapter of all tasks: a file has one for all.
AdapterConfig common_adapter(const std::vector<AdapterConfig>& adapters) {
  if (adapters.empty()) return {};
  for (const AdapterConfig& adapter : adapters) {
    if (adapter == adapters.front()) continue;
    fail("the tasks have different adapters (", adapter_kinds_text(adapters),
         "), a file holds one kind for all; write a model folder");
  }
  return adapters.front();
}

// From a name of the reference's multi-task class to that which the file needs.
std::string adjusted(std::string name, TensorNames names, const ConvertSource& source) {
  constexpr std::string_view kBert = "bert.";
  for (const std::string_view head : {"classifier.", "qa_outputs."}) {
    if (source.single_head && name.starts_with(concat(head, "0."))) name.erase(head.size(), 2);
  }
  // A bare encoder's state dict has no prefix.
  if (source.num_tasks == 0 && name.starts_with(kBert)) name.erase(0, kBert.size());
  if (names == TensorNames::kTransformers) {
    replace_ending(name, "LayerNorm.gamma", "LayerNorm.weight");
    replace_ending(name, "LayerNorm.beta", "LayerNorm.bias");
  }
  return name;
}

// All tensors under all names that they have in the file.
std::vector<TensorEntry> named_tensors(const ConvertSource& source, TensorNames names) {
  const AdapterConfig adapter = common_adapter(source.description.adapters);
  const bool houlsby = adapter.kind.starts_with("houlsby");
  std::vector<TensorEntry> tensors;
  std::vector<std::string> nameless;
  for (const TensorEntry& row : source.rows) {
    if (row.bytes.empty()) continue;
    if (names == TensorNames::kOwn) {
      tensors.push_back(row);
      continue;
    }
    const std::vector<std::string> all = reference_names(row.name, adapter.layers, houlsby);
    if (all.empty()) nameless.push_back(row.name);
    for (const std::string& name : all) {
      tensors.push_back(row);
      tensors.back().name = adjusted(name, names, source);
    }
  }
  if (!nameless.empty()) {
    fail("the reference has no names for ", join(nameless, ", "),
         "; use a model folder, or --names pals");
  }
  return tensors;
}

// Whether transformers has a class of such a model: an encoder, or one head without adapter.
bool is_of_transformers(const ConvertSource& source) {
  return source.num_tasks == 0 || source.single_head;
}

Json config_of(const ConvertSource& source, TensorNames names) {
  const ModelDescription& description = source.description;
  const bool of_one_task = source.num_tasks == 1 && description.tasks.size() == 1;
  if (names == TensorNames::kTransformers && is_of_transformers(source) &&
      (of_one_task || source.num_tasks == 0)) {
    const int32_t pad_id = source.tokenizer ? source.tokenizer->vocabulary().pad_id() : 0;
    return bert_head_config(description.bert, of_one_task ? &description.tasks[0] : nullptr,
                            pad_id);
  }
  Json config = bert_config_to_json(description.bert);
  if (source.num_tasks == 0) return config;
  if (description.tasks.size() == 1) add_labels(description.tasks[0], config);
  if (names == TensorNames::kOwn) {
    config["pals"] = adapter_to_flat_json(common_adapter(description.adapters));
  } else {
    config.update(adapter_to_reference_keys(common_adapter(description.adapters), description.bert,
                                            source.num_tasks));
  }
  return config;
}

// What the reference does not read from its configuration.
void warn_of_differences(const BertConfig& bert) {
  if (bert.hidden_act != Activation::kGelu) {
    log_warning("the reference computes gelu, this model was trained with ",
                activation_name(bert.hidden_act));
  }
  if (bert.layer_norm_eps != BertConfig().layer_norm_eps) {
    log_warning("the reference's LayerNorms have epsilon 1e-12, this model's ",
                bert.layer_norm_eps);
  }
}

// Tokens at which texts are cut: of an encoder all that it has positions for.
int max_length_of(const ConvertOptions& options, const ConvertSource& source) {
  check_length(options.max_seq_length.value_or(0), source.description.bert, "--max_seq_length",
               options.from);
  const auto positions = static_cast<int>(source.description.bert.max_position_embeddings);
  const bool has_tasks = !source.description.tasks.empty();
  return options.max_seq_length.value_or(
      has_tasks ? std::min(source.description.max_seq_length, positions) : positions);
}

// What transformers or the reference needs of the tokenizer; nothing if there is none.
TokenizerTexts tokenizer_texts(const ConvertOptions& options, const ConvertSource& source,
                               bool for_transformers) {
  const int max_length = max_length_of(options, source);
  if (!source.tokenizer) return {};
  const Tokenizer& tokenizer = *source.tokenizer;
  if (for_transformers) return transformers_tokenizer(tokenizer, max_length);
  TokenizerTexts texts = {{kVocabularyFile, tokenizer.vocabulary().to_text()}};
  const Json added = added_tokens_json(tokenizer.settings(), tokenizer.vocabulary());
  if (!added.empty()) texts.emplace_back(kAddedTokensFile, json_text(added));
  return texts;
}

std::vector<std::string> write_file(const ConvertOptions& options, const ConvertSource& source,
                                    TargetFormat format) {
  const TensorNames names = options.names;
  const Json config = config_of(source, names);
  const std::vector<TensorEntry> tensors = named_tensors(source, names);
  const bool theirs = names == TensorNames::kTransformers && is_of_transformers(source);
  const TokenizerTexts tokenizer = tokenizer_texts(options, source, theirs);
  if (names == TensorNames::kReference) warn_of_differences(source.description.bert);

  const fs::path folder = fs::path(options.to).parent_path();
  if (!folder.empty()) make_directories(folder.string());
  if (format == TargetFormat::kPytorch) {
    write_pytorch_file(options.to, tensors);
  } else {
    write_safetensors(options.to, tensors, {{"format", "pt"}});
  }
  std::vector<std::string> written = {options.to};
  const auto accompany = [&](const char* name, const std::string& text) {
    const std::string path = (folder / name).string();
    if (file_exists(path)) {
      if (MappedFile(path).bytes() != text) {
        log_warning(path, " is there already, with other content, and stays as it is");
      }
      return;
    }
    write_file_atomically(path, text);
    written.push_back(path);
  };
  const bool has_config = theirs || file_exists((folder / "config.json").string());
  accompany(has_config ? "config.json" : kReferenceConfig, json_text(config));
  for (const auto& [name, text] : tokenizer) accompany(name.c_str() + 1, text);
  return written;
}

std::vector<std::string> write_folder(const ConvertOptions& options, const ConvertSource& source) {
  ModelDescription description = source.description;
  if (source.num_tasks > 0 && description.tasks.empty()) {
    fail_usage("--tasks or --task_file is missing: ", options.from, " holds the heads of ",
               counted(source.num_tasks, "task"),
               ", which a model folder must know (of one alone that answers ",
               "questions or chooses, --kind says enough); or leave them out with --encoder_only");
  }
  if (!source.tokenizer) {
    fail_usage("--vocab_file is missing: a model folder needs a vocabulary, and there is no ",
               "vocab.txt beside ", options.from);
  }
  description.max_seq_length = max_length_of(options, source);
  write_model_folder(options.to, source.tensors(), description, *source.tokenizer);
  return {options.to};
}

// The same as a file of transformers' names, in a folder of its own.
std::vector<std::string> write_transformers_folder(const ConvertOptions& options,
                                                   const ConvertSource& source) {
  if (!is_of_transformers(source)) {
    fail_usage("--names transformers: it has no class of a model with several tasks or an adapter ",
               "(", adapter_kinds_text(source.description.adapters),
               "); pals export --format transformers writes one task with its adapter");
  }
  write_folder_aside(options.to, [&](const std::string& fresh) {
    ConvertOptions inside = options;
    inside.to = fresh + kWeightsFile;
    write_file(inside, source, TargetFormat::kSafetensors);
  });
  return {options.to};
}

}  // namespace

TargetFormat target_format(const ConvertOptions& options) {
  if (options.to_format) return *options.to_format;
  const std::string ending = ascii_lower(fs::path(options.to).extension().string());
  if (ending == ".safetensors") return TargetFormat::kSafetensors;
  const bool pytorch = ending == ".bin" || ending == ".pt" || ending == ".pth";
  return pytorch ? TargetFormat::kPytorch : TargetFormat::kFolder;
}

const char* target_name(TargetFormat format) {
  switch (format) {
    case TargetFormat::kFolder:
      return "model folder";
    case TargetFormat::kPytorch:
      return "PyTorch";
    case TargetFormat::kSafetensors:
      return "safetensors";
    case TargetFormat::kPeft:
      return "adapter of peft";
    case TargetFormat::kAdapters:
      return "adapter of adapters";
  }
  return "";
}

std::optional<Package> package_of_format(TargetFormat format) {
  if (format == TargetFormat::kPeft) return Package::kPeft;
  if (format == TargetFormat::kAdapters) return Package::kAdapters;
  return std::nullopt;
}

void check_target(const ConvertOptions& options) {
  const std::string& to = options.to;
  if (package_of_format(target_format(options))) {
    check_foreign_target(options);
    return;
  }
  if (target_format(options) != TargetFormat::kFolder) {
    if (directory_exists(to)) fail("TO: ", to, " is a folder, expected a file to write");
    return;
  }
  if (file_exists(to)) {
    fail("TO: ", to, " is a file, expected a folder to write; for a file, name it .bin or ",
         ".safetensors or give --to");
  }
  check_folder_output(to, options.overwrite, "TO");
}

std::vector<std::string> write_target(const ConvertOptions& options, const ConvertSource& source,
                                      ConvertReport& report) {
  const TargetFormat format = target_format(options);
  if (const std::optional<Package> package = package_of_format(format)) {
    return write_foreign_target(options, source, *package, report);
  }
  if (format != TargetFormat::kFolder) return write_file(options, source, format);
  return options.names == TensorNames::kTransformers ? write_transformers_folder(options, source)
                                                     : write_folder(options, source);
}

}  // namespace pals
