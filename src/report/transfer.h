// Tasks alone beside the same tasks together: which of them gain, which lose, and how alike their
// gradients are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/names.h"
#include "eval/bootstrap.h"
#include "report/comparison.h"
#include "report/run_data.h"
#include "runlog/gradients.h"

namespace pals {

/// The finished runs of one seed.
struct TransferSeed {
  uint64_t seed = 0;
  std::optional<RunData> joint;             ///< of all tasks together
  std::map<std::string, RunData> alone;     ///< of each task
  std::optional<GradientRecord> gradients;  ///< at the joint run's best model
};

/// A seed's two figures of a metric.
struct TransferPair {
  uint64_t seed = 0;
  double alone = 0.0, joint = 0.0;

  double difference() const { return joint - alone; }
};

/// What training together does to a task, as far as can be told.
enum class TransferEffect { kGains, kLoses, kOpen };
inline constexpr Name<TransferEffect> kTransferEffects[] = {{TransferEffect::kGains, "gains"},
                                                            {TransferEffect::kLoses, "loses"},
                                                            {TransferEffect::kOpen, "open"}};
constexpr std::span<const Name<TransferEffect>> names_of(TransferEffect) {
  return kTransferEffects;
}

/// A metric of a task, of the seeds that have both runs.
struct TransferRow {
  std::string task, metric;
  bool is_main = false;                ///< the task's first metric
  bool is_error = false;               ///< less is better
  std::vector<TransferPair> best;      ///< of the best models
  std::vector<TransferPair> last;      ///< of the last evaluations, which nothing has chosen
  std::optional<Interval> seeds = {};  ///< of the mean difference of the best, by Student's t
  std::optional<PairedDifference> rows = {};  ///< of a main metric: by the development rows

  Spread alone() const;
  Spread joint() const;
  Spread difference() const;
  Spread last_difference() const;
  /// What all intervals that there are agree in; nothing without an interval.
  std::optional<TransferEffect> effect() const;
};

/// Means over seeds of what the GradientRecords say.
struct TransferGradients {
  std::vector<std::string> tasks;
  std::vector<std::vector<Spread>> cosines;
  std::vector<Spread> halves, norms;
  std::vector<uint64_t> seeds;
  int64_t batches = 0, parameters = 0;
};

struct Transfer {
  std::vector<std::string> tasks;
  std::vector<uint64_t> seeds;  ///< of which all runs are there
  std::vector<TransferRow> rows;
  std::optional<TransferGradients> gradients = {};
  std::vector<std::string> notes = {};
};

/// Compares the runs of some seeds. `tasks`: in the order of the result.
Transfer compare_transfer(const std::vector<std::string>& tasks,
                          const std::vector<TransferSeed>& seeds);

/// For programs: {"seeds", "rows": [...], "gradients", "notes"} (docs/transfer.md).
OrderedJson transfer_json(const Transfer& transfer);

/// For the terminal: a table of the scores, one of the cosines, and what the numbers are.
std::string transfer_text(const Transfer& transfer);

/// The page that shows it.
std::string transfer_page(const Transfer& transfer, const std::vector<TransferSeed>& seeds);

/// "1 seed (42)", "3 seeds (42, 43, 44)".
std::string seeds_text(const std::vector<uint64_t>& seeds);

/// "gains", "loses", "cannot be told".
const char* effect_text(TransferEffect effect);

/// What the numbers of the scores are, a sentence or two in each line; and those of the cosines.
std::vector<std::string> explanations(const Transfer& transfer);
std::string gradients_explanation(const TransferGradients& gradients);

}  // namespace pals
