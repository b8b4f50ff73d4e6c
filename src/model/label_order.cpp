#include "model/label_order.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text_util.h"
#include "kinds/kind.h"
#include "kinds/transformers_head.h"

namespace pals {
namespace {

constexpr size_t kNamesShown = 3;
constexpr size_t kNameShown = 24;

// "Not  entailment" and "not_entailment" are one label.
std::string plain_name(std::string_view label) {
  constexpr std::string_view kBetweenWords = " \t\n\r-_";
  std::string name;
  for (const char c : ascii_lower(trim(label))) {
    const bool between = kBetweenWords.find(c) != std::string_view::npos;
    if (!between || !name.ends_with('_')) name += between ? '_' : c;
  }
  return name;
}

std::vector<std::string> plain_names(const std::vector<std::string>& labels) {
  std::vector<std::string> names;
  for (const std::string& label : labels) names.push_back(plain_name(label));
  return names;
}

std::string some(const std::vector<std::string>& labels) {
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(labels.size(), kNamesShown); ++i) {
    shown.push_back(quote(labels[i], kNameShown));
  }
  const size_t more = labels.size() - shown.size();
  return join(shown, ", ") + (more > 0 ? concat(" and ", more, " more") : "");
}

// The outputs' names, by id2label or, where there is none, label2id; empty if neither is there.
std::vector<std::string> output_names(const Json& config, const std::string& where) {
  const auto labels = config.find("id2label");
  const bool by_id = labels != config.end() && !labels->is_null();
  const auto chosen = by_id ? labels : config.find("label2id");
  if (chosen == config.end() || chosen->is_null()) return {};
  const char* const key = by_id ? "id2label" : "label2id";
  const auto refuse = [&] { fail(where, ": \"", key, "\" does not number labels from 0 on"); };
  if (!chosen->is_object()) refuse();
  std::vector<std::string> names(chosen->size());
  std::vector<bool> found(names.size(), false);
  for (const auto& [first, second] : chosen->items()) {
    const bool typed = by_id ? second.is_string() : second.is_number_integer();
    if (!typed) refuse();
    const int64_t id = by_id ? parse_int(first).value_or(-1) : second.get<int64_t>();
    if (id < 0 || id >= static_cast<int64_t>(names.size())) refuse();
    names[static_cast<size_t>(id)] = by_id ? second.get<std::string>() : first;
    found[static_cast<size_t>(id)] = true;
  }
  if (std::ranges::find(found, false) != found.end()) refuse();
  return names;
}

// What tools write where nobody has named the outputs: LABEL_0, ... or their numbers.
bool are_numbers(const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] != std::to_string(i) && names[i] != concat("LABEL_", i)) return false;
  }
  return true;
}

// The same outputs mean something else for another problem: a sigmoid each, or one softmax.
void check_problem_type(const Json& config, const Task& task, const std::string& where) {
  const char* const own = transformers_head(task).problem;
  const auto found = config.find("problem_type");
  if (own == nullptr || found == config.end() || !found->is_string() || *found == own) return;
  fail_usage(where, ": \"problem_type\" is ", quote(found->get<std::string>()), ", task ",
             quote(task.name, kNameShown), " is a ", kind_name(task.kind), ", which is ",
             quote(own), " there; give the task the head's kind in a task file");
}

}  // namespace

std::vector<int64_t> output_order(const Json& config, const Task& task, const std::string& where) {
  check_problem_type(config, task, where);
  if (!kind_of(task).outputs_are_labels()) return {};
  const std::vector<std::string> names = output_names(config, where);
  std::vector<std::string> outputs = plain_names(names), labels = plain_names(task.labels);
  if (std::set<std::string>(labels.begin(), labels.end()).size() < labels.size()) {
    outputs = names, labels = task.labels;
  }
  if (!std::ranges::is_permutation(outputs, labels)) {
    if (are_numbers(names)) return {};
    fail_usage(where, ": id2label calls the outputs ", some(names), ", the labels of task ",
               quote(task.name, kNameShown), " are ", some(task.labels),
               "; name them alike in a task file, or take id2label out of the configuration if ",
               "their order is the same");
  }
  std::vector<int64_t> order;
  for (const std::string& label : labels) {
    order.push_back(std::ranges::find(outputs, label) - outputs.begin());
  }
  return std::ranges::is_sorted(order) ? std::vector<int64_t>{} : order;
}

}  // namespace pals
