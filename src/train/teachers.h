// Teachers: trained models of single tasks, from whose logits a run's tasks learn at first.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/feature_store.h"
#include "data/loader.h"
#include "dist/world.h"
#include "settings/train_options.h"
#include "train/plan.h"
#include "train/setup.h"

namespace pals {

/// A model folder that teaches a task of the run.
struct Teacher {
  int task = 0;      ///< the run's
  int own_task = 0;  ///< its number in the folder
  std::string folder;
  std::string hash;  ///< of the content of the folder's files
  /// Output [k] of the run's head is output [order[k]] of the teacher's; empty: the same order.
  std::vector<int64_t> order;
};

/// What --teacher names, in the order of the run's tasks. UsageError for a task that the run does
/// not have or whose kind has no teacher, Error for a folder without that task or with another one
/// (match_task). Reads no weights.
std::vector<Teacher> find_teachers(const TrainOptions& options, const std::vector<Task>& tasks);

/// "task cola, by runs/cola/best": for messages.
std::string teacher_text(const Teacher& teacher, const std::vector<Task>& tasks);

/// Task -> hash of its teacher, for the run's identity.
std::map<std::string, std::string> teacher_hashes(const std::vector<Teacher>& teachers,
                                                  const std::vector<Task>& tasks);

/// The logits of the teachers for the training rows of their tasks, [K], from the cache or computed
/// on all ranks. Error for a teacher that does not see as many rows as the run.
std::vector<TaughtLogits> teach(const std::vector<Teacher>& teachers, const TrainOptions& options,
                                const RunSetup& setup, const RunFiles& files,
                                const FeatureStore& store, const World& world);

}  // namespace pals
