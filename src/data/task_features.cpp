#include "data/task_features.h"

#include "data/span_features.h"

namespace pals {

FeatureSet make_task_features(const Task& task, const DataFile& file, const ExampleSet& set,
                              const Tokenizer& tokenizer, int max_seq_length, int threads,
                              const std::stop_token& stop) {
  FeatureSet features = task.kind == TaskKind::kSpan
                            ? make_span_features(set.questions, task.span, file.is_training(),
                                                 tokenizer, max_seq_length, threads, stop)
                            : make_features(set.examples, tokenizer, max_seq_length, threads, stop);
  features.skipped += set.skipped;
  return features;
}

}  // namespace pals
