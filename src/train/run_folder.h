// A run's folder: checkpoints to go on from, and the log of its steps.
#pragma once

#include <fstream>
#include <optional>
#include <string>

#include "base/json.h"
#include "nn/parameter_arena.h"

namespace pals {

/// Keeps a second process out of a run's folder for as long as it lives; the system lets go of the
/// lock of a killed process. Where the file system knows no locks there is none.
class RunLock {
 public:
  /// Error if another process holds the folder, or the file in it cannot be made.
  explicit RunLock(const std::string& folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int descriptor_;
};

/// Tells arenas of different models apart: a hash of every name, shape and offset.
std::string layout_hash(const ParameterTable& table);

/// Whole training states, one file each: checkpoints/step-<n>.safetensors with weights and moments
/// as they lie in the arena, and the trainer's state as JSON in the metadata.
class CheckpointStore {
 public:
  /// Removes what interrupted writes left behind.
  CheckpointStore(std::string folder, int64_t keep);

  /// Writes a checkpoint aside, renames it, then prunes the older ones.
  void save(const ParameterArena& arena, int64_t step, const Json& state) const;

  /// Restores the newest readable checkpoint; its state, or nothing if there is none. A damaged
  /// file is passed over with a warning. Error if a checkpoint is of another model.
  std::optional<Json> restore(ParameterArena& arena) const;

 private:
  std::vector<std::string> files() const;  ///< oldest first

  std::string folder_;
  int64_t keep_;
};

/// metrics.jsonl: a line for each optimizer step, and one for each evaluation.
class MetricsLog {
 public:
  /// Opens for a run that goes on at `first_step`: lines of later steps are dropped.
  MetricsLog(const std::string& path, int64_t first_step);

  void write(const OrderedJson& line);

 private:
  std::string path_;
  std::ofstream file_;
};

}  // namespace pals
