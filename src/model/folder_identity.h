// What the tasks of a model folder were trained with: kept beside each adapter, compared with the
// rest of the folder by whatever opens it.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/tensor_file.h"
#include "model/folder_writer.h"
#include "text/tokenizer.h"

namespace pals {

/// What decides a task's answers beside weights: the task, BERT's configuration, the length at
/// which texts are cut, vocabulary (a hash) and tokenizer settings.
Json task_origin(const ModelDescription& description, size_t task, const Tokenizer& tokenizer);

/// A task's pals_adapter.json. `shared_weights`, `weights`: hashes of the shared weights and of the
/// task's own (tensors_hash).
Json adapter_record(const ModelDescription& description, size_t task, const Tokenizer& tokenizer,
                    const std::string& shared_weights, const std::string& weights);

/// What is to become of differences: an error, or, where a user wants the folder as it is, a
/// warning.
enum class OnDifference { kRefuse, kAccept };

/// The hashes of a folder's tasks. Each check throws Error, naming what differs with the old and
/// the new value, unless differences are accepted. What a record of an earlier version lacks is not
/// checked.
class FolderIdentity {
 public:
  /// Nothing to compare with: every check passes.
  FolderIdentity() = default;

  /// `records`: the tasks' pals_adapter.json, [K]. Throws Error for one that is damaged or another
  /// task's. Says in a line on stderr if some are of an earlier version.
  FolderIdentity(std::string path, const std::vector<Task>& tasks, std::vector<Json> records,
                 OnDifference on_difference = OnDifference::kRefuse);

  /// Configuration and tasks as the folder states them now.
  void check_description(const ModelDescription& description) const;
  /// `given`: keys of tokenizer_config.json that a user decides, which are not compared.
  void check_tokenizer(const Tokenizer& tokenizer,
                       const std::vector<std::string>& given = {}) const;
  /// The hash of the shared weights (shared_weights_hash).
  void check_shared_weights(const std::string& hash) const;
  void check_shared_weights(size_t task, const std::string& hash) const;
  void check_task_weights(size_t task, const TensorFile& file) const;
  /// That a task was trained with the shared weights of the folder `base`, whose hash this is;
  /// never accepted.
  void check_merged(size_t task, const std::string& hash, const std::string& base) const;
  /// Whether all tasks have the hashes of this version, so that the checks mean something.
  bool complete() const;
  /// That a task may answer in another model: its origin there (task_origin). Never accepted.
  void check_other_model(size_t task, const Json& origin) const;

 private:
  std::vector<std::string> differences(size_t task, const Json& origin) const;
  void report_differences(const std::vector<std::string>& differences) const;
  void report(const std::string& what) const;

  std::string path_;
  std::vector<std::string> names_;  // of the tasks, [K]
  std::vector<Json> records_;       // [K]
  OnDifference on_difference_ = OnDifference::kRefuse;
};

}  // namespace pals
