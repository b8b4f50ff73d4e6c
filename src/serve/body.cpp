#include "serve/body.h"

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr const char* kForms =
    "a text, a pair [\"a\", \"b\"], or a list of such: [[\"a\"], [\"a\", \"b\"]]";

std::string ticked(const char* key) { return concat("`", key, "`"); }

void add_sequence(const Json& sequence, SequenceInputs& inputs) {
  const bool fits = sequence.is_array() && (sequence.size() == 1 || sequence.size() == 2);
  if (!fits) refuse(concat("`inputs` must be ", kForms));
  Example text{.text_a = string_of(sequence[0], "inputs")};
  if (sequence.size() == 2) text.text_b = string_of(sequence[1], "inputs");
  inputs.texts.push_back(std::move(text));
  inputs.is_pair.push_back(sequence.size() == 2);
}

}  // namespace

Json read_body(std::string_view body) {
  Json json;
  try {
    json = parse_json(body, "body");
  } catch (const Error& error) {
    throw ServeError(400, "validation", error.what());
  }
  if (!json.is_object()) refuse("the body must be a JSON object");
  return json;
}

const Json* find_field(const Json& body, const char* key) {
  const auto found = body.find(key);
  return found == body.end() || found->is_null() ? nullptr : &*found;
}

const Json& need_field(const Json& body, const char* key) {
  const Json* found = find_field(body, key);
  if (found == nullptr) refuse(concat(ticked(key), " is missing"));
  return *found;
}

bool flag_field(const Json& body, const char* key, bool otherwise) {
  const Json* found = find_field(body, key);
  if (found == nullptr) return otherwise;
  if (!found->is_boolean()) refuse(concat(ticked(key), " must be true or false"));
  return found->get<bool>();
}

std::string string_field(const Json& body, const char* key, const std::string& otherwise) {
  const Json* found = find_field(body, key);
  return found == nullptr ? otherwise : string_of(*found, key);
}

const std::string& string_of(const Json& value, const char* key) {
  if (!value.is_string()) refuse(concat(ticked(key), " must be text"));
  return value.get_ref<const std::string&>();
}

void check_count(size_t count, const char* key, size_t most) {
  if (count == 0) throw ServeError(400, "empty", concat(ticked(key), " is an empty list"));
  if (count > most) {
    throw ServeError(413, "validation",
                     concat(ticked(key), " has ", count, " entries; at most ", most,
                            " are allowed (--max_client_batch_size)"));
  }
}

SequenceInputs sequence_inputs(const Json& value, size_t most) {
  SequenceInputs inputs;
  if (value.is_string()) {
    add_sequence(Json::array({value}), inputs);
    return inputs;
  }
  if (!value.is_array()) refuse(concat("`inputs` must be ", kForms));
  check_count(value.size(), "inputs", most);
  inputs.is_list = value[0].is_array();
  if (!inputs.is_list) {
    add_sequence(value, inputs);
    return inputs;
  }
  for (const Json& sequence : value) add_sequence(sequence, inputs);
  return inputs;
}

std::vector<std::string> text_list(const Json& value, const char* key, size_t most) {
  if (value.is_string()) return {value.get<std::string>()};
  if (!value.is_array()) refuse(concat(ticked(key), " must be a text or a list of texts"));
  check_count(value.size(), key, most);
  std::vector<std::string> texts;
  for (const Json& text : value) texts.push_back(string_of(text, key));
  return texts;
}

}  // namespace pals
