// What an option is, said once: a row makes its flag and its help, reads and checks its value,
// writes it to run_config.json, compares it there, and is a row of the documentation's table.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "options/field.h"

namespace pals {

/// Bounds of a number.
struct Range {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool open = false;      ///< `least` itself is out of range
  bool open_end = false;  ///< `most` itself is out of range

  bool contains(double value) const;  ///< never infinity or NaN
};

/// The largest number that an option without a closer bound takes, so that products of such numbers
/// can be counted.
inline constexpr double kLargest = 1e9;

/// least, ..., most.
constexpr Range between(double least, double most) { return {least, most}; }
inline constexpr Range kPositive = {1.0, kLargest};         ///< of whole numbers
inline constexpr Range kNotNegative = {0.0, kLargest};      ///< of whole numbers
inline constexpr Range kAboveZero = {0.0, kLargest, true};  ///< of any numbers

/// Where the value of a run's option may be another one without changing what the run gives:
/// nowhere, after a resumption, or there and on each rank.
enum class MayDiffer { kNowhere, kAfterResuming, kAmongRanks };

struct Option {
  std::string name;                       ///< of the flag without dashes, and of the key in JSON
  std::vector<std::string> aliases = {};  ///< other names of the flag
  Field field = {};                       ///< where the value goes
  Range range = {};                       ///< of a number
  std::string help = {};  ///< a line in --help and in the documentation; `code` in backticks
  std::string more = {};  ///< what the documentation adds to it, in Markdown
  MayDiffer may_differ = MayDiffer::kNowhere;
  bool needed = false;       ///< an empty text is an error
  bool hidden = false;       ///< --help leaves it out
  bool saved = true;         ///< stands in run_config.json
  bool names_model = false;  ///< a text that may name a model of a hub, hf://owner/name
  bool takes_value = false;  ///< of a truth value: `--flag 0`, not `--flag` alone
  std::vector<std::string> suggestions =
      {};                  ///< what it may be, if the field's type does not say it
  std::string group = {};  ///< the heading, as OptionList::add() sets it

  /// "--name".
  std::string flag() const { return "--" + name; }
  /// Whether the flag stands alone on the command line.
  bool is_switch() const { return field.type() == FieldType::kFlag && !takes_value; }
  /// What values are allowed: "0 to 1024", "rr, prop, sqrt or anneal"; empty: any of the type.
  std::string allowed() const;
  /// The value as a person would write it; empty for none, an empty text, or a switch.
  std::string value_text() const;
  /// Fills the field. UsageError for what is not of its type.
  void read(const std::string& text) const;
  /// UsageError if the value is missing or out of range.
  void check() const;
};

/// The value that a text has in the option of that name; UsageError as Option::read.
template <typename T>
T read_option(const std::string& name, const std::string& text) {
  T value{};
  Option{.name = name, .field = value}.read(text);
  return value;
}

/// The options of a command, or of a part of one.
class OptionList {
 public:
  /// Appends rows under a heading ("": none).
  void add(const std::string& group, std::vector<Option> rows);

  /// Says that runs with these options can go on later, and on several ranks.
  void set_resumes() { resumes_ = true; }
  bool resumes() const { return resumes_; }

  const std::vector<Option>& rows() const { return rows_; }
  std::vector<std::string> groups() const;  ///< the headings in order

  /// Sets an option's suggestions, where they come from a room above its row.
  void suggest(const std::string& name, const std::vector<std::string>& values);

  /// Sets whether an option is needed, where commands that have it differ.
  void need(const std::string& name, bool needed);

  /// Option::check() of all rows.
  void check() const;

  /// The values that are given, by name.
  Json json() const;

  /// Names of the options in which two saved configurations differ where they must not. What one of
  /// them lacks counts as this list's value, so `this` should be one of defaults: an option younger
  /// than a saved run does not keep it from going on.
  std::vector<std::string> differing(const Json& one, const Json& other, MayDiffer where) const;

 private:
  std::vector<Option> rows_;
  bool resumes_ = false;
};

/// "a, b or c".
std::string one_of(const std::vector<std::string>& names);

}  // namespace pals
