// A run's folder: its lock, and the checkpoints to go on from.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/tensor_file.h"
#include "parameters/parameter_arena.h"

namespace pals {

/// The file that a run's lock is on.
inline constexpr const char* kLockName = "/.lock";

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

/// Whether a folder of checkpoints holds any, sound or not.
bool holds_checkpoints(const std::string& folder);

/// Bytes of the largest of them; 0 if there is none.
int64_t largest_checkpoint_bytes(const std::string& folder);

/// Tells arenas of different models apart: a hash of every name, shape and offset.
std::string layout_hash(const ParameterTable& table);

/// A file of checkpoints whose checksum was found right.
struct SoundCheckpoint {
  std::string path;
  TensorFile file;
  Json state;
};

/// The newest such file in a folder of checkpoints, or nothing.
std::optional<SoundCheckpoint> newest_checkpoint(const std::string& folder);

/// Whole training states, one file each: checkpoints/step-<n>.safetensors with weights, moments
/// and, where one is kept, the weights' average as they lie in the arena, and the trainer's state
/// as JSON in the metadata; a checksum over all.
class CheckpointStore {
 public:
  /// Throws Error for a state that the run cannot go on from.
  using CheckState = std::function<void(const Json& state, const std::string& where)>;
  /// Removes what the interrupted writes of dead processes left behind. `keep`: how many files
  /// stay.
  CheckpointStore(std::string folder, int64_t keep);

  /// Writes a checkpoint aside, renames it, then prunes the older ones: never this one, and those
  /// that restore() passed over count for nothing.
  void save(const ParameterArena& arena, int64_t step, const Json& state) const;

  /// Restores the newest sound checkpoint; its state, or nothing if there is none. One that is
  /// damaged (wrong checksum, state that `check` or its own name refuses, weights that are not
  /// finite) is passed over with a warning. Error if a checkpoint is of another model. `newest`: of
  /// newest_checkpoint(), so that it is read once.
  std::optional<Json> restore(ParameterArena& arena, const CheckState& check = {},
                              std::optional<SoundCheckpoint> newest = {});

  /// Of a finished run: only the last `keep` files stay.
  void prune(int64_t keep) const;

 private:
  std::vector<std::string> files() const;  ///< oldest first, without those passed over

  std::string folder_;
  int64_t keep_;
  std::set<std::string> damaged_;
};

}  // namespace pals
