#include "tasks/jsonl.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/text_util.h"
#include "tasks/flat_json.h"

namespace pals {
namespace {

[[noreturn]] void fail_missing_key(const Json& object, const std::string& key,
                                   const std::string& where) {
  constexpr size_t kMostKeys = 20;
  std::vector<std::string> names;
  std::vector<std::string> shown;
  for (const auto& [name, value] : object.items()) {
    if (names.size() == kMostKeys) break;
    names.push_back(name);
    shown.push_back(quote(name));
  }
  fail(where, ": no key ", quote(key), " in this object (keys: ", join(shown, ", "),
       object.size() > kMostKeys ? ", ..." : "", ")", did_you_mean(key, names));
}

std::string text_of(const Json& value, const std::string& key, const std::string& where) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  fail(where, ": key ", quote(key), " is ", value.type_name(), ", want a string or a number");
}

void append_list(const Json& list, const std::string& key, const std::string& where,
                 std::vector<std::string>& values) {
  if (!list.is_array()) {
    fail(where, ": key ", quote(key), " is ", list.type_name(), ", want a list of strings");
  }
  for (const Json& item : list) {
    if (!item.is_string()) {
      fail(where, ": the list at ", quote(key), " holds ", item.type_name(), ", want strings");
    }
    values.push_back(item.get<std::string>());
  }
}

}  // namespace

// parse_json counts lines and columns inside the line: leave its "1:", the file's line stands
// there.
Json parse_json_line(std::string_view line, const std::string& where) {
  try {
    Json object = parse_json(line, where);
    if (object.is_object()) return object;
    fail(where, ": got ", object.type_name(), ", want a JSON object such as {\"text\": \"...\"}");
  } catch (const Error& error) {
    const std::string message = error.what();
    const std::string prefix = where + ":1:";
    if (!message.starts_with(prefix)) throw;
    fail(where, ":", message.substr(prefix.size()));
  }
}

const Json& value_at(const Json& object, const std::string& key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end()) fail_missing_key(object, key, where);
  return *found;
}

/// The usual rows, without a parser; false for others and for those that lack a key.
bool JsonlFields::read_flat(std::string_view line, std::vector<std::string_view>& fields) {
  if (!keys_.list.empty() || !read_flat_object(line, entries_, unescaped_)) {
    return false;
  }
  fields.clear();
  for (const std::string& key : keys_.values) {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const auto& entry) { return entry.first == key; });
    if (found == entries_.end()) return false;
    fields.push_back(found->second);
  }
  return true;
}

// The place is written out for few lines only: it would take as long as all the rest.
void JsonlFields::read(std::string_view line, const std::string& where, int64_t number,
                       std::vector<std::string_view>& fields) {
  if (!read_flat(line, fields)) parse(line, concat(where, ":", number), fields);
}

void JsonlFields::parse(std::string_view line, const std::string& where,
                        std::vector<std::string_view>& fields) {
  values_.clear();
  const Json object = parse_json_line(line, where);
  for (const std::string& key : keys_.values) {
    const Json& value = value_at(object, key, where);
    const bool no_label = value.is_null() && key == keys_.label;
    if (no_label && !keys_.label_may_be_null) {
      fail(where, ": the label ", quote(key), " is null; rows without a label are left out by ",
           "\"unlabelled\": [\"\"] in the task file");
    }
    values_.push_back(no_label ? "" : text_of(value, key, where));
  }
  if (!keys_.list.empty()) {
    append_list(value_at(object, keys_.list, where), keys_.list, where, values_);
  }
  fields.assign(values_.begin(), values_.end());
}

bool JsonlReader::next(std::vector<std::string_view>& fields) {
  std::string_view line;
  if (!lines_.next(line)) return false;
  fields.clear();
  blank_ = trim(line).empty();
  if (blank_) return true;
  fields_.read(line, lines_.where(), lines_.line(), fields);
  return true;
}

}  // namespace pals
