// Reading on past rows that are wrong, for whoever wants to hear of all of them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace pals {

/// Is told of the rows of a file while it is read. Without one the first wrong row ends the
/// reading.
class RowWatch {
 public:
  virtual ~RowWatch() = default;
  /// A row that cannot be read or learned, as the error says; it is left out. May throw to end the
  /// reading.
  virtual void fault(const Error& error) = 0;
  /// The next example was read from the row that begins on this line (from 1; of SQuAD's JSON 0).
  virtual void example(int64_t line) = 0;
  /// A note of the whole file (ExampleSet::notes), and the first line that it is of.
  virtual void note(int64_t /*line*/, const std::string& /*note*/) {}
};

/// Adds a note of a file, and tells the watch, if there is one.
inline void add_note(RowWatch* watch, int64_t line, std::string note,
                     std::vector<std::string>& notes) {
  if (watch != nullptr) watch->note(line, note);
  notes.push_back(std::move(note));
}

/// Does a row's part of the reading; its errors go to the watch, if there is one. Whether it went
/// well.
template <typename Work>
bool watched(RowWatch* watch, const Work& work) {
  if (watch == nullptr) {
    work();
    return true;
  }
  try {
    work();
    return true;
  } catch (const Error& error) {
    watch->fault(error);
    return false;
  }
}

}  // namespace pals
