// Model folders put together from others' files, which are taken over as they are: tasks added,
// removed, merged.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/model_folder.h"
#include "model/open.h"

namespace pals {

/// A trained model folder whose tasks stay as they are while others are added.
struct KeptModel {
  std::string folder;
  std::string shared_weights;                       ///< their hash
  std::filesystem::file_time_type weights_written;  ///< when the file of the weights was

  bool operator==(const KeptModel&) const = default;
};

/// The folder of an opened model, to which the tasks of `added` may be added. `shared_weights`:
/// what check_shared_weights gave. Throws UsageError for a model without tasks, a name that is
/// taken, another length of rows or a pooler that is missing, Error for a folder of an earlier
/// version and for another tokenizer.
KeptModel keep_model(const OpenedModel& opened, const ModelDescription& added,
                     const Tokenizer& tokenizer, const std::string& shared_weights);

/// Writes a model folder of the kept one's files, all but tasks.json as they are (large ones are
/// linked), with the tasks of `description`, a model over the same shared weights, added. Throws
/// Error if the kept folder has got other weights meanwhile.
void save_added_tasks(const std::string& path, const KeptModel& kept, const MultiTaskModel& model,
                      const ModelDescription& description, const Tokenizer& tokenizer);

/// Throws UsageError or Error, which begins with `flag`, unless a model folder may be written at
/// `path`: there is nothing, an empty folder, or with `overwrite` a model folder.
void check_folder_output(const std::string& path, bool overwrite, const std::string& flag);

/// Writes the folder without these tasks, names with commas between, in which all other files are
/// the same. Throws UsageError for tasks that it does not have and for all that it has.
void remove_tasks(const std::string& folder, const std::string& tasks, const std::string& output);

/// Writes one folder with the tasks of all, the first one's first. Throws Error unless all tasks
/// were trained with the first folder's shared weights, configuration, length of rows, vocabulary
/// and tokenizer (each by its hash or record), and UsageError for a name that two folders have.
void merge_folders(const std::vector<std::string>& folders, const std::string& output);

}  // namespace pals
