#include "checkpoint/name_map.h"

#include <algorithm>
#include <array>
#include <optional>

namespace pals {
namespace {

// A pattern of the table below. {l} stands for a layer, {t} for a task, {i} for a block on top, and
// a closing * for any rest; numbers are carried over by name.
struct Row {
  std::string_view reference, canonical;
};

constexpr std::array kRows = {
    Row{"bert.encoder.mult_aug_dense.{t}.*", "tasks.{t}.pal.down.*"},
    Row{"bert.encoder.mult_aug_dense2.{t}.*", "tasks.{t}.pal.up.*"},
    Row{"bert.encoder.layer.{l}.multi_layers.{t}.attn.*", "tasks.{t}.layer.{l}.pal.*"},
    Row{"bert.encoder.layer.{l}.multi_layers.{t}.aug_dense.*",
        "tasks.{t}.layer.{l}.low_rank.down.*"},
    Row{"bert.encoder.layer.{l}.multi_layers.{t}.aug_dense2.*",
        "tasks.{t}.layer.{l}.low_rank.up.*"},
    Row{"bert.encoder.layer.{l}.multi_lhuc.{t}.lhuc", "tasks.{t}.layer.{l}.lhuc.scale"},
    Row{"bert.encoder.layer.{l}.attention.output.multi_layers.{t}.aug_dense.*",
        "tasks.{t}.layer.{l}.houlsby.attention.down.*"},
    Row{"bert.encoder.layer.{l}.attention.output.multi_layers.{t}.aug_dense2.*",
        "tasks.{t}.layer.{l}.houlsby.attention.up.*"},
    Row{"bert.encoder.layer.{l}.output.multi_layers.{t}.attn.*", "tasks.{t}.layer.{l}.pal.*"},
    Row{"bert.encoder.layer.{l}.output.multi_layers.{t}.aug_dense.*",
        "tasks.{t}.layer.{l}.houlsby.output.down.*"},
    Row{"bert.encoder.layer.{l}.output.multi_layers.{t}.aug_dense2.*",
        "tasks.{t}.layer.{l}.houlsby.output.up.*"},
    Row{"bert.encoder.mult_dense.{t}.*", "tasks.{t}.top.down.*"},
    Row{"bert.encoder.mult_dense2.{t}.*", "tasks.{t}.top.up.*"},
    Row{"bert.encoder.multi_layers.{t}.{i}.*", "tasks.{t}.top.layer.{i}.*"},
    Row{"bert.encoder.multi_layers.{t}.*", "tasks.{t}.top.bert_layer.*"},
    Row{"classifier.{t}.*", "tasks.{t}.classifier.*"},
    Row{"classifier.*", "tasks.0.classifier.*"},
    Row{"qa_outputs.{t}.*", "tasks.{t}.qa_outputs.*"},
    Row{"qa_outputs.*", "tasks.0.qa_outputs.*"},
    Row{"bert.embeddings.*", "embeddings.*"},
    Row{"bert.encoder.layer.{l}.*", "encoder.layer.{l}.*"},
    Row{"bert.pooler.*", "pooler.*"},
};

// Parts of names that wrapping a model adds, wherever it was wrapped.
constexpr std::array<std::string_view, 4> kWrappers = {
    "module.", "_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module."};

struct Numbers {
  std::string layer, task, block, rest;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Matches `name` against a pattern; fills in what the placeholders stand for.
bool match(std::string_view pattern, std::string_view name, Numbers& numbers) {
  size_t at = 0;
  for (size_t p = 0; p < pattern.size(); ++p) {
    if (pattern[p] == '*') {
      numbers.rest = std::string(name.substr(at));
      return !numbers.rest.empty();
    }
    if (pattern[p] == '{') {
      std::string& number = pattern[p + 1] == 'l'   ? numbers.layer
                            : pattern[p + 1] == 't' ? numbers.task
                                                    : numbers.block;
      number.clear();
      while (at < name.size() && is_digit(name[at]) && number.size() < 6) number += name[at++];
      if (number.empty()) return false;
      p += 2;
      continue;
    }
    if (at >= name.size() || name[at] != pattern[p]) return false;
    ++at;
  }
  return at == name.size();
}

std::string fill(std::string_view pattern, const Numbers& numbers) {
  std::string name;
  for (size_t p = 0; p < pattern.size(); ++p) {
    if (pattern[p] == '*') {
      name += numbers.rest;
    } else if (pattern[p] == '{') {
      name += pattern[p + 1] == 'l'   ? numbers.layer
              : pattern[p + 1] == 't' ? numbers.task
                                      : numbers.block;
      p += 2;
    } else {
      name += pattern[p];
    }
  }
  return name;
}

void replace_ending(std::string& name, std::string_view from, std::string_view to) {
  if (name.size() >= from.size() && std::string_view(name).ends_with(from)) {
    name.replace(name.size() - from.size(), from.size(), to);
  }
}

bool starts_with_any(std::string_view name, std::initializer_list<std::string_view> prefixes) {
  for (const std::string_view prefix : prefixes) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}

}  // namespace

std::string without_wrappers(std::string_view file_name) {
  std::string name;
  for (std::string_view rest = file_name; !rest.empty();) {
    const size_t dot = rest.find('.');
    const size_t size = dot == std::string_view::npos ? rest.size() : dot + 1;
    const std::string_view part = rest.substr(0, size);
    const bool wrapper = std::ranges::find(kWrappers, part) != kWrappers.end();
    const bool front = (name.empty() && part == "model.") || (name == "bert." && part == "bert.");
    if (!wrapper && !front) name += part;
    rest.remove_prefix(size);
  }
  return name;
}

bool is_left_out(std::string_view file_name) {
  const std::string name = without_wrappers(file_name);
  return starts_with_any(name, {"cls.", "bert.cls."}) || name.ends_with("position_ids") ||
         name.ends_with("token_type_ids");
}

std::string canonical_name(std::string_view file_name) {
  std::string name = without_wrappers(file_name);
  replace_ending(name, "LayerNorm.gamma", "LayerNorm.weight");
  replace_ending(name, "LayerNorm.beta", "LayerNorm.bias");
  if (name.starts_with("tasks.")) return name;
  if (is_left_out(name)) return {};
  if (starts_with_any(name, {"embeddings.", "encoder.", "pooler."})) name = "bert." + name;
  for (const Row& row : kRows) {
    Numbers numbers;
    if (match(row.reference, name, numbers)) return fill(row.canonical, numbers);
  }
  return {};
}

std::string tied_name(std::string_view canonical) {
  Numbers numbers;
  for (const char* part : {"down", "up"}) {
    for (const char* place : {"low_rank.", "houlsby.output."}) {
      if (match(std::string("tasks.{t}.layer.{l}.") + place + part + ".*", canonical, numbers)) {
        return fill(std::string("tasks.{t}.pal.") + part + ".*", numbers);
      }
    }
  }
  return {};
}

std::vector<std::string> reference_names(std::string_view canonical,
                                         const std::vector<int>& tied_layers, bool houlsby) {
  std::vector<std::string> names;
  for (const Row& row : kRows) {
    Numbers numbers;
    if (!match(row.canonical, canonical, numbers)) continue;
    const bool in_output = row.reference.find("}.output.multi_layers") != std::string_view::npos;
    const bool pal_attention =
        row.canonical.ends_with(".pal.*") && row.canonical.find("{l}") != std::string_view::npos;
    if (pal_attention && in_output != houlsby) continue;
    names.push_back(fill(row.reference, numbers));
    break;
  }
  // The tied matrices of a task's PALs appear again in each layer.
  Numbers tied;
  const bool down = match("tasks.{t}.pal.down.*", canonical, tied);
  if (down || match("tasks.{t}.pal.up.*", canonical, tied)) {
    for (const int layer : tied_layers) {
      tied.layer = std::to_string(layer);
      const std::string prefix = "bert.encoder.layer.{l}.";
      names.push_back(fill(prefix + (houlsby ? "output." : "") + "multi_layers.{t}." +
                               (down ? "aug_dense.*" : "aug_dense2.*"),
                           tied));
    }
  }
  for (std::string& name : names) {
    replace_ending(name, "LayerNorm.weight", "LayerNorm.gamma");
    replace_ending(name, "LayerNorm.bias", "LayerNorm.beta");
  }
  return names;
}

}  // namespace pals
