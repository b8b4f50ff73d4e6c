// One model with several tasks: what it says of texts for each of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "predict/prediction.h"
#include "predict/text_input.h"
#include "tasks/task.h"
#include "text/tokenizer.h"

namespace pals {

struct LoadedModel;

/// How a model is run.
struct ModelOptions {
  /// fp32, bf16, int8, on a GPU also fp16 and tf32, or auto: bf16 where the device gains by it
  std::string precision = "fp32";
  int64_t batch_size = 32;      ///< rows of a batch at most
  std::string device = "auto";  ///< cpu, cuda, cuda:N, or auto: a GPU if there is one
};

/// A model folder that `pals train` wrote, for evaluation. Copies share their weights.
class MultiTaskPredictor {
 public:
  /// Throws Error as load_model_folder, UsageError for other options.
  explicit MultiTaskPredictor(const std::string& folder, const ModelOptions& options = {});

  /// Names, kinds, and labels in the order of their numbers.
  const std::vector<Task>& tasks() const;
  const Tokenizer& tokenizer() const;
  /// Tokens that a row is cut to.
  int max_seq_length() const;

  /// Every text for each of `tasks` ("sst", "sst,rte" or "all"), in batches that mix them: a vector
  /// for each text with a prediction for each task, in the order of the names. UsageError for tasks
  /// that are not there, or neither classification nor regression.
  std::vector<std::vector<Prediction>> predict(const std::vector<TextPair>& texts,
                                               const std::string& tasks = "all") const;

  /// The same for tasks of any kind. For a span task text_a is the question and text_b its context;
  /// for multiple choice text_a is a context, and text_b what every choice goes on from, or
  /// nothing. UsageError for tasks that are not there, and for missing choices.
  std::vector<std::vector<Prediction>> predict_examples(const std::vector<Example>& examples,
                                                        const std::string& tasks = "all") const;

 private:
  std::shared_ptr<const LoadedModel> loaded_;
  int64_t batch_size_;
};

}  // namespace pals
