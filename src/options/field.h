// A field that an option fills: read from text, written as JSON, whatever its type.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/names.h"
#include "base/text_util.h"

namespace pals {

enum class FieldType { kText, kFlag, kInteger, kNumber, kChoice };

/// A type that is more than an enumeration and is chosen by a text: the functions stand beside it
/// (options/device_choice.h).
template <typename T>
concept ReadFromText = std::is_class_v<T> && requires(T value) {
  read_text(std::string_view(), value);
  text_of(value);
  known_texts(value);
};

namespace field_detail {

/// Read a whole text; false if it is none.
bool read_value(std::string_view text, std::string& value);
bool read_value(std::string_view text, bool& value);
bool read_value(std::string_view text, int& value);
bool read_value(std::string_view text, int64_t& value);
bool read_value(std::string_view text, uint64_t& value);
bool read_value(std::string_view text, double& value);

template <Named Enum>
bool read_value(std::string_view text, Enum& value) {
  const std::optional<Enum> known = from_name<Enum>(text);
  if (known) value = *known;
  return known.has_value();
}

template <ReadFromText T>
bool read_value(std::string_view text, T& value) {
  return read_text(text, value);
}

// Several, with commas between; each once.
template <Named Enum>
bool read_value(std::string_view text, std::vector<Enum>& value) {
  std::vector<Enum> known;
  for (const std::string_view item : split(text, ',')) {
    Enum one{};
    if (!read_value(trim(item), one)) return false;
    if (std::ranges::find(known, one) == known.end()) known.push_back(one);
  }
  value = std::move(known);
  return true;
}

// A text of any content each time.
inline bool read_value(std::string_view text, std::vector<std::string>& value) {
  value.emplace_back(text);
  return true;
}

template <typename T>
bool read_value(std::string_view text, std::optional<T>& value) {
  T known{};
  if (!read_value(text, known)) return false;
  value = std::move(known);
  return true;
}

template <typename T>
Json json_of(const T& value) {
  return value;
}

template <Named Enum>
Json json_of(const Enum& value) {
  return name_of(value);
}

template <ReadFromText T>
Json json_of(const T& value) {
  return text_of(value);
}

template <Named Enum>
Json json_of(const std::vector<Enum>& value) {
  std::vector<std::string> names;
  for (const Enum one : value) names.emplace_back(name_of(one));
  return join(names, ",");
}

template <typename T>
Json json_of(const std::optional<T>& value) {
  return value ? json_of(*value) : Json();
}

template <typename T>
struct Inner {
  using Type = T;
};

template <typename T>
struct Inner<std::optional<T>> {
  using Type = T;
};

template <typename T>
struct Inner<std::vector<T>> {
  using Type = T;
};

template <typename T>
constexpr FieldType type_of() {
  if (std::is_same_v<T, bool>) return FieldType::kFlag;
  if (std::is_same_v<T, std::string>) return FieldType::kText;
  if (std::is_integral_v<T>) return FieldType::kInteger;
  return std::is_floating_point_v<T> ? FieldType::kNumber : FieldType::kChoice;
}

}  // namespace field_detail

/// Refers to a member of a struct of options, which must outlive it: a text, a truth value, a
/// number, an enumeration with names, a list of such, a type that is ReadFromText, or an optional
/// one of these (nothing: not given); or a list of texts, to which each reading adds one. A default
/// field refers to nothing and takes any text.
class Field {
 public:
  Field() = default;

  template <typename T>
  requires(!std::is_same_v<std::remove_const_t<T>, Field>)
      // NOLINTNEXTLINE(google-explicit-constructor): rows name the member itself
      Field(T& value)
      : access_(std::make_shared<Member<T>>(value)) {
    using Inner = typename field_detail::Inner<T>::Type;
    type_ = field_detail::type_of<Inner>();
    is_list_ = Named<Inner> && std::is_same_v<T, std::vector<Inner>>;
    is_repeated_ = std::is_same_v<T, std::vector<std::string>>;
    if constexpr (Named<Inner>) names_ = all_names<Inner>();
    if constexpr (ReadFromText<Inner>) names_ = known_texts(Inner());
    has_other_names_ = ReadFromText<Inner>;
  }

  FieldType type() const { return type_; }

  /// Of a choice: all that it may be.
  const std::vector<std::string>& names() const { return names_; }

  /// Whether names() stand for others, too: "cuda:NUMBER".
  bool has_other_names() const { return has_other_names_; }

  /// Whether it takes several choices, with commas between.
  bool is_list() const { return is_list_; }

  /// Whether it takes a text each time that it is read.
  bool is_repeated() const { return is_repeated_; }

  /// Fills the field; false if the text is not of its type.
  bool read(std::string_view text) const { return access_ == nullptr || access_->read(text); }

  /// The value; null if an optional field has none, or there is no field.
  Json json() const { return access_ == nullptr ? Json() : access_->json(); }

 private:
  struct Access {
    virtual ~Access() = default;
    virtual bool read(std::string_view text) const = 0;
    virtual Json json() const = 0;
  };

  template <typename T>
  struct Member : Access {
    explicit Member(T& member) : value(member) {}
    bool read(std::string_view text) const override {
      return field_detail::read_value(text, value);
    }
    Json json() const override { return field_detail::json_of(value); }
    T& value;
  };

  FieldType type_ = FieldType::kText;
  bool is_list_ = false, is_repeated_ = false, has_other_names_ = false;
  std::vector<std::string> names_;
  std::shared_ptr<const Access> access_;
};

}  // namespace pals
