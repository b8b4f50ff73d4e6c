// One model with several tasks: what it says of texts for each of them.
#pragma once

#include <pals/error.h>
#include <pals/tokenizer.h>
#include <pals/types.h>

#include <cstdint>
#include <memory>
#include <stop_token>
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
  /// Error once `stop` is requested.
  std::vector<std::vector<Prediction>> predict(const std::vector<TextPair>& texts,
                                               const std::string& tasks = "all",
                                               const std::stop_token& stop = {}) const;

  /// The same for tasks of any kinds. Of a span task's example text_a is the question and text_b
  /// the context. UsageError for a task of multiple choice and an example without choices.
  std::vector<std::vector<Prediction>> predict_examples(const std::vector<Example>& examples,
                                                        const std::string& tasks,
                                                        const std::stop_token& stop = {}) const;

  /// A vector for each text, [B, hidden_size()], of the encoder with a task's adapter; the name may
  /// be left out if there is only one. UsageError for a task that is not there, and for more tokens
  /// than the model has positions.
  std::vector<float> vectors(const std::vector<TextPair>& texts, const std::string& task,
                             const VectorOptions& options = {}) const;
  int64_t hidden_size() const;
  /// Whether it computes on a GPU.
  bool on_gpu() const;

 private:
  std::shared_ptr<const PredictingFolder> folder_;
};

}  // namespace pals::api
