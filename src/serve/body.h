// The fields of a request's body. All functions throw ServeError (422) for what is not as it should
// be, with the field's name.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "serve/error.h"
#include "tasks/task.h"

namespace pals {

/// The body as an object. ServeError 400 for what is no JSON.
Json read_body(std::string_view body);

/// The value of a key; null if it is not there or null itself.
const Json* find_field(const Json& body, const char* key);
const Json& need_field(const Json& body, const char* key);

bool flag_field(const Json& body, const char* key, bool otherwise);
std::string string_field(const Json& body, const char* key, const std::string& otherwise);
const std::string& string_of(const Json& value, const char* key);

/// Texts or pairs as text-embeddings-inference takes them: "a", ["a", "b"] for a pair, and
/// [["a"], ["a", "b"]] for several.
struct SequenceInputs {
  std::vector<Example> texts;
  std::vector<bool> is_pair;
  bool is_list = false;  ///< of several, perhaps of one
};
SequenceInputs sequence_inputs(const Json& value, size_t most);

/// "a", or ["a", "b"] for several texts.
std::vector<std::string> text_list(const Json& value, const char* key, size_t most);

/// Throws for a list that is empty (400) or longer than `most` (413).
void check_count(size_t count, const char* key, size_t most);

}  // namespace pals
