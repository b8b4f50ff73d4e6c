// One model with several tasks: what it says of texts for each of them.
#pragma once

#include <pals/error.h>
#include <pals/tokenizer.h>
#include <pals/types.h>

#include <memory>
#include <string>
#include <vector>

namespace pals::api {

class PredictingFolder;

/// A model folder that `pals train` wrote, for evaluation. Copies share their weights; one thread
/// at a time uses them.
class MultiTaskPredictor {
 public:
  /// Error if a file of the folder is missing or damaged, UsageError for other options.
  explicit MultiTaskPredictor(const std::string& folder, const ModelOptions& options = {});

  const std::vector<Task>& tasks() const;
  const Tokenizer& tokenizer() const;
  /// Tokens that a row is cut to.
  int max_seq_length() const;

  /// Every text for each of `tasks` ("sst", "sst,rte" or "all"), in batches that mix them: a vector
  /// for each text with a prediction for each task, in the order of the names. UsageError for tasks
  /// that are not there, or that ask for a context or choices.
  std::vector<std::vector<Prediction>> predict(const std::vector<TextPair>& texts,
                                               const std::string& tasks = "all") const;

 private:
  std::shared_ptr<const PredictingFolder> folder_;
};

}  // namespace pals::api
