// What decides a run's result, besides the program: what it is compared by when it goes on.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/feature_store.h"
#include "settings/train_options.h"
#include "train/setup.h"

namespace pals {

/// Tasks (labels and their order, columns, scale, metrics), BERT's configuration, options: as they
/// are. Data files, vocabulary and starting weights: a hash of their content. Paths are no part of
/// it. To be made before the first step; waits until the files are hashed.
/// `teachers`: task -> hash.
Json run_identity(const TrainOptions& options, const RunSetup& setup,
                  const std::vector<FeatureJob>& jobs, const FeatureStore& store,
                  const std::map<std::string, std::string>& teachers = {});

/// What differs, a text for each with the old value and the new one ("task sst, labels: ...").
std::vector<std::string> identity_differences(const Json& saved, const Json& current);

/// Throws Error, naming what differs, if the folder holds a run of another identity, by its file or
/// by the state of its newest sound checkpoint (null: there is none). A run of an earlier version,
/// which has none, is said not to be checked. `longer`: --max_steps may differ. Touches nothing.
void check_identity(const std::string& folder, const Json& state, const Json& current,
                    bool longer = false);

/// Throws Error where a task's number of training rows is another than when the run in the folder
/// began: order and odds go by them, so that it could not go on as it began. `then`: of each task.
void check_rows(const std::vector<Task>& tasks, const Json& then, const std::vector<int64_t>& now,
                const std::string& folder);

}  // namespace pals
