// Settings that one kind of task alone knows.
#pragma once

#include <any>
#include <type_traits>
#include <utility>

namespace pals {

/// A value of a struct of a kind's own, with `==`, or nothing. Copies share nothing.
class KindSettings {
 public:
  KindSettings() = default;

  template <typename T>
  requires(!std::is_same_v<T, KindSettings>)
      KindSettings(T value)  // NOLINT(google-explicit-constructor): `settings = SpanOptions{...}`
      : value_(std::move(value)), equal_([](const std::any& a, const std::any& b) {
          const T* other = std::any_cast<T>(&b);
          return other != nullptr && *std::any_cast<T>(&a) == *other;
        }) {}

  /// The settings as T; those by default if they are nothing or of another type.
  template <typename T>
  const T& get() const {
    static const T none{};
    const T* value = std::any_cast<T>(&value_);
    return value != nullptr ? *value : none;
  }

  bool operator==(const KindSettings& other) const {
    if (!value_.has_value() || !other.value_.has_value()) {
      return value_.has_value() == other.value_.has_value();
    }
    return equal_(value_, other.value_);
  }

 private:
  std::any value_;
  bool (*equal_)(const std::any&, const std::any&) = nullptr;
};

}  // namespace pals
