#include "check/read_file.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "catalog/reader.h"
#include "kinds/kind.h"
#include "kinds/row_reading.h"

namespace pals {
namespace {

/// The notes of a file's reader that nothing else here says: checks of texts name each empty one,
/// those of labels look at all training files together.
std::vector<std::string> other_notes(const Task& task, const CheckedFile& checked) {
  std::vector<std::string> said;
  if (kind_of(task).has_labels() && checked.file->is_training()) {
    said = label_notes(task.labels, kind_of(task).class_counts(task, checked.set));
  }
  std::vector<std::string> notes;
  for (const std::string& note : checked.set.notes) {
    if (note.ends_with(" with an empty text")) continue;
    if (std::ranges::find(said, note) == said.end()) notes.push_back(note);
  }
  return notes;
}

}  // namespace

void FileWatch::fault(const Error& error) {
  PlacedMessage placed = take_apart(error.what(), file_.path);
  if (placed.line > 0 && !wrong_lines_.insert(placed.line).second) return;
  if (placed.text.find(" (labels: ") != std::string::npos) placed.text += label_remark_;
  problems_.add({Severity::kError, file_.path, placed.line, task_.name, std::move(placed.text)});
  if (++faults_ < kMostFaults) return;
  fail(file_.path, ": ", kMostFaults, " rows are wrong; the rest was not looked at");
}

void FileWatch::add(Severity severity, int64_t line, std::string message) {
  problems_.add({severity, file_.path, line, task_.name, std::move(message)});
}

int64_t FileWatch::line_of_note(const std::string& note) const {
  const auto found = note_lines_.find(note);
  return found == note_lines_.end() ? 0 : found->second;
}

void FileWatch::end(const Error& error) {
  PlacedMessage placed = take_apart(error.what(), file_.path);
  // "no examples", where each row's fault has been told.
  if (placed.line == 0 && !wrong_lines_.empty() && placed.text.starts_with("no ")) return;
  add(Severity::kError, placed.line, std::move(placed.text));
}

CheckedFile read_checked(const Task& task, const DataFile& file, FileWatch& watch) {
  CheckedFile checked{.file = &file};
  watch.begin();
  try {
    checked.set = read_examples(task, file, "", &watch);
    checked.lines = watch.lines();
  } catch (const Error& error) {
    watch.end(error);
    return {.file = &file};
  }
  if (checked.set.skipped > 0) {
    watch.add(Severity::kWarning, 0,
              concat(counted(checked.set.skipped, "row"), " left out for ",
                     kind_of(task).skipped().reason));
  }
  for (std::string& note : other_notes(task, checked)) {
    const int64_t line = watch.line_of_note(note);
    if (line > 0) note += "; the first is this one";
    watch.add(Severity::kWarning, line, std::move(note));
  }
  return checked;
}

}  // namespace pals
