#include "tasks/jsonl.h"

#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/text_util.h"

namespace pals {
namespace {

/// parse_json counts lines and columns inside the line: leave its "1:", the file's line stands
/// there.
Json parse_line(std::string_view line, const std::string& where) {
  try {
    return parse_json(line, where);
  } catch (const Error& error) {
    const std::string message = error.what();
    const std::string prefix = where + ":1:";
    if (!message.starts_with(prefix)) throw;
    fail(where, ":", message.substr(prefix.size()));
  }
}

[[noreturn]] void fail_missing_key(const Json& object, const std::string& key,
                                   const std::string& where) {
  constexpr size_t kMostKeys = 20;
  std::vector<std::string> names;
  std::vector<std::string> shown;
  for (const auto& [name, value] : object.items()) {
    if (names.size() == kMostKeys) break;
    names.push_back(name.substr(0, 64));
    shown.push_back(quote(name));
  }
  const std::string nearest = nearest_name(key, names);
  fail(where, ": no key ", quote(key), " in this object (keys: ", join(shown, ", "),
       object.size() > kMostKeys ? ", ..." : "", ")",
       nearest.empty() ? "" : concat("; did you mean ", quote(nearest), "?"));
}

}  // namespace

JsonlFields::JsonlFields(std::vector<std::string> keys)
    : keys_(std::move(keys)), values_(keys_.size()) {}

void JsonlFields::read(std::string_view line, const std::string& where,
                       std::vector<std::string_view>& fields) {
  fields.clear();
  const Json object = parse_line(line, where);
  if (!object.is_object()) {
    fail(where, ": got ", object.type_name(), ", want a JSON object such as {\"text\": \"...\"}");
  }
  for (size_t i = 0; i < keys_.size(); ++i) {
    const auto found = object.find(keys_[i]);
    if (found == object.end()) fail_missing_key(object, keys_[i], where);
    if (found->is_string()) {
      values_[i] = found->get_ref<const std::string&>();
    } else if (found->is_number() || found->is_boolean()) {
      values_[i] = found->dump();
    } else {
      fail(where, ": key ", quote(keys_[i]), " is ", found->type_name(),
           ", want a string or a number");
    }
    fields.push_back(values_[i]);
  }
}

JsonlReader::JsonlReader(std::string_view bytes, std::string where, std::vector<std::string> keys)
    : lines_(bytes, std::move(where)), fields_(std::move(keys)) {}

bool JsonlReader::next(std::vector<std::string_view>& fields) {
  std::string_view line;
  do {
    if (!lines_.next(line)) return false;
  } while (trim(line).empty());
  fields_.read(line, concat(lines_.where(), ":", lines_.line()), fields);
  return true;
}

}  // namespace pals
