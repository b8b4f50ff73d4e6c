#include "model/row_outputs.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/signal.h"

namespace pals {
namespace {

/// How many outputs the head gives for rows [0, row) of a set.
size_t outputs_before(const Head& head, const FeatureSet& features, int64_t row) {
  const int64_t places = head.reads_tokens() ? features.row_offsets[static_cast<size_t>(row)] : row;
  return static_cast<size_t>(places * head.num_outputs());
}

// All segments' logits, one behind the other, on the host.
at::Tensor flat_logits(const MultiTaskModel::Output& output) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& logits : output.logits) parts.push_back(logits.flatten());
  return at::cat(parts).cpu();
}

}  // namespace

std::vector<std::vector<float>> run_rows(const MultiTaskModel& model,
                                         std::vector<EvaluationSource> sources, int64_t batch_size,
                                         const AfterBatch& after_batch, const BatchShare& share) {
  std::vector<std::vector<float>> outputs;
  for (const EvaluationSource& source : sources) {
    outputs.emplace_back(
        outputs_before(model.head(source.task), *source.features, source.features->num_rows()));
  }
  const EvaluationLoader loader(sources, batch_size);
  for (int64_t i = share.first; i < loader.num_batches(); i += share.stride) {
    if (stop_requested()) fail("stopped");
    const PackedBatch batch = loader.batch(i);
    const MultiTaskModel::Output output = model.forward(batch);
    const at::Tensor logits = flat_logits(output);
    const float* from = logits.const_data_ptr<float>();
    for (const Segment& segment : batch.segments) {
      for (int64_t row = segment.first_row; row < segment.last_row; ++row) {
        // Copied to where they belong.
        const auto place = loader.row(batch.row_ids[static_cast<size_t>(row)]);
        const auto source = static_cast<size_t>(place.source);
        const Head& head = model.head(segment.task);
        const FeatureSet& features = *sources[source].features;
        const size_t first = outputs_before(head, features, place.row);
        const size_t count = outputs_before(head, features, place.row + 1) - first;
        std::copy_n(from, count, outputs[source].data() + first);
        from += count;
      }
    }
    if (after_batch) after_batch(loader, batch, output);
  }
  return outputs;
}

}  // namespace pals
