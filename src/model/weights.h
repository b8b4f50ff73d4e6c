// Between tensor files and a model's arena.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "checkpoint/tensor_file.h"
#include "model/multi_task_model.h"

namespace pals {

/// The shared pooler, which some checkpoints lack.
inline constexpr const char* kPoolerWeight = "pooler.dense.weight";

/// Which tensors a file must have.
enum class LoadScope {
  kAll,     ///< every parameter of the model
  kShared,  ///< the shared part; task parts are left as they are (reference: --multi)
};

/// What load_weights did.
struct LoadReport {
  std::vector<std::string> missing;  ///< parameters that the file does not set: to be initialised
  std::vector<std::string> unused;   ///< tensors of the file that the model has no place for
};

/// Which tensor of a file fills which parameter.
struct WeightPlan {
  std::map<ParameterId, const TensorEntry*> sources;
  LoadReport report;
};

/// Finds the parameters of a file's tensors through the name map. Error, naming each tensor with
/// what was found and expected, for a wrong shape, values that are not floating point, a tied
/// matrix whose copies differ, or a missing parameter in `scope` (under kShared, and where no head
/// reads it, a pooler may be missing: some checkpoints have none). A per-task pooler starts from
/// the shared one.
WeightPlan plan_weights(const MultiTaskModel& model, const TensorFile& file, LoadScope scope,
                        const std::string& where);

/// Copies a file's tensors into the model as planned: nothing is loaded halfway.
LoadReport load_weights(MultiTaskModel& model, const TensorFile& file, LoadScope scope,
                        const std::string& where);

/// Copies an adapter file (names without `tasks.<index>.`) into one task. Error as above if a
/// parameter of the task is missing (but for a pooler that its head does not read), mis-shaped or
/// unknown. A bf16 shadow is left to the caller
/// (refresh_shadow).
void load_task_weights(MultiTaskModel& model, int task, const TensorFile& file,
                       const std::string& where);

/// The tensors that fill the rows of a table, one for each row in its order, as fp32; those of
/// other types are converted in memory of the file's. Without bytes where nothing fills a row.
std::vector<TensorEntry> filled_rows(const ParameterTable& table, const WeightPlan& plan,
                                     TensorFile& file);

/// Puts the outputs of the head of a task, number `number` of the model, into another order: output
/// [k] becomes the one that was `order[k]`. An empty order changes nothing. A bf16 shadow is left
/// to the caller (refresh_shadow).
void order_outputs(MultiTaskModel& model, int number, const Task& task,
                   const std::vector<int64_t>& order);

/// Names of tensors for a message; of many, the first few and how many more there are, so that a
/// message with `lists` of them stays within 300 characters.
std::string list_names(const std::vector<std::string>& names, size_t lists = 1);

}  // namespace pals
