#include "base/json_differences.h"

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr size_t kShownValue = 30;  // bytes of a value in a message
constexpr size_t kShownText = 130;  // and of all differences, if there are several

// Lists of labels and texts without JSON's marks.
std::string shown(const Json& value) {
  if (value.is_null()) return "nothing";
  std::string text;
  if (value.is_array()) {
    for (const Json& item : value) {
      text += concat(text.empty() ? "" : ", ",
                     item.is_string() ? item.get<std::string>() : json_text(item, -1));
    }
  } else {
    text = value.is_string() ? value.get<std::string>() : json_text(value, -1);
  }
  return quote(text, kShownValue);
}

void compare(const std::string& name, const Json& old_value, const Json& new_value,
             std::vector<std::string>& differences) {
  if (old_value == new_value) return;
  if (!old_value.is_object() || !new_value.is_object()) {
    differences.push_back(concat(name, " was ", shown(old_value), ", now ", shown(new_value)));
    return;
  }
  Json keys = old_value;
  keys.update(new_value);
  for (const auto& item : keys.items()) {
    const std::string key_name = name.empty() ? item.key() : concat(name, ", ", item.key());
    compare(key_name, old_value.value(item.key(), Json()), new_value.value(item.key(), Json()),
            differences);
  }
}

}  // namespace

std::vector<std::string> json_differences(const std::string& name, const Json& old_value,
                                          const Json& new_value) {
  std::vector<std::string> differences;
  compare(name, old_value, new_value, differences);
  return differences;
}

std::string some_differences(const std::vector<std::string>& differences) {
  if (differences.empty()) return {};
  std::string text = differences.front();
  size_t shown = 1;
  for (; shown < differences.size(); ++shown) {
    if (text.size() + differences[shown].size() > kShownText) break;
    text += "; " + differences[shown];
  }
  if (shown < differences.size()) text += concat("; and ", differences.size() - shown, " more");
  return text;
}

}  // namespace pals
