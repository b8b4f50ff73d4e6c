#include "predict/run.h"

#include <algorithm>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

void check_stop(const std::stop_token& stop) {
  if (stop.stop_requested()) fail("stopped");
}

int64_t logits_before(const HeadShape& shape, const FeatureSet& features, int64_t row) {
  return shape.size(row, features.row_offsets[static_cast<size_t>(row)]);
}

/// Runs the batches of sources and puts each row's logits where they belong.
class SourceRun {
 public:
  SourceRun(const Runner& runner, const std::vector<AskedRows>& sources)
      : runner_(runner), sources_(sources) {
    for (const AskedRows& source : sources) {
      logits_.emplace_back();
      for (const int task : source.tasks) {
        logits_.back().emplace_back(static_cast<size_t>(
            logits_before(runner.head_shape(task), *source.features, source.features->num_rows())));
      }
    }
  }

  /// The tasks that are asked of a segment: those of all its rows' sources.
  std::vector<int> heads_of(const EvaluationLoader& loader, const PackedBatch& batch,
                            const Segment& segment) const {
    std::vector<int> heads;
    for (int64_t row = segment.first_row; row < segment.last_row; ++row) {
      for (const int task : source_of(loader, batch, row).tasks) {
        if (std::ranges::find(heads, task) == heads.end()) heads.push_back(task);
      }
    }
    return heads;
  }

  void take(const EvaluationLoader& loader, const PackedBatch& batch, const Wanted& wanted,
            const RunOutputs& outputs) {
    auto head = outputs.heads.begin();
    for (size_t s = 0; s < batch.segments.size(); ++s) {
      for (size_t i = 0; i < wanted.heads[s].size(); ++i) {
        take_head(loader, batch, batch.segments[s], *head++);
      }
    }
  }

  std::vector<std::vector<Logits>> finish() { return std::move(logits_); }

 private:
  const AskedRows& source_of(const EvaluationLoader& loader, const PackedBatch& batch,
                             int64_t row) const {
    const auto place = loader.row(batch.row_ids[static_cast<size_t>(row)]);
    return sources_[static_cast<size_t>(place.source)];
  }

  void take_head(const EvaluationLoader& loader, const PackedBatch& batch, const Segment& segment,
                 const HeadOutputs& head) {
    const HeadShape shape = runner_.head_shape(head.task);
    for (int64_t row = segment.first_row; row < segment.last_row; ++row) {
      const auto place = loader.row(batch.row_ids[static_cast<size_t>(row)]);
      const auto source = static_cast<size_t>(place.source);
      const AskedRows& asked = sources_[source];
      const auto task = std::ranges::find(asked.tasks, head.task);
      if (task == asked.tasks.end()) continue;  // a row beside it asks
      Logits& to = logits_[source][static_cast<size_t>(task - asked.tasks.begin())];
      std::ranges::copy(head.row(row - segment.first_row),
                        to.begin() + logits_before(shape, *asked.features, place.row));
    }
  }

  const Runner& runner_;
  const std::vector<AskedRows>& sources_;
  std::vector<std::vector<Logits>> logits_;
};

}  // namespace

AskedHeads ask_heads(const Runner& runner, const std::vector<int>& tasks,
                     const std::vector<FeaturesPtr>& rows) {
  AskedHeads asked;
  for (size_t i = 0; i < tasks.size(); ++i) {
    const auto shared = std::ranges::find_if(asked.sources, [&](const AskedRows& source) {
      return source.features == rows[i] && runner.shares_trunk(source.tasks.front(), tasks[i]);
    });
    const auto source = static_cast<size_t>(shared - asked.sources.begin());
    if (source == asked.sources.size()) asked.sources.push_back({rows[i], {}});
    asked.places.push_back({source, asked.sources[source].tasks.size()});
    asked.sources[source].tasks.push_back(tasks[i]);
  }
  return asked;
}

std::vector<std::vector<Logits>> run_rows(const Runner& runner,
                                          const std::vector<AskedRows>& sources,
                                          const RunOptions& options) {
  SourceRun run(runner, sources);
  std::vector<EvaluationSource> rows;
  for (const AskedRows& source : sources) rows.push_back({source.tasks.front(), source.features});
  const EvaluationLoader loader(std::move(rows), options.batch_size);
  for (int64_t i = options.share.first; i < loader.num_batches(); i += options.share.stride) {
    check_stop(options.stop);
    const PackedBatch batch = loader.batch(i);
    Wanted wanted{.losses = options.losses};
    for (const Segment& segment : batch.segments) {
      wanted.heads.push_back(run.heads_of(loader, batch, segment));
    }
    const RunOutputs outputs = runner.run(batch, wanted);
    run.take(loader, batch, wanted, outputs);
    if (options.after_batch) options.after_batch(loader, batch, outputs);
  }
  return run.finish();
}

void run_wanted(const Runner& runner, int task, const FeaturesPtr& rows, const Wanted& wanted,
                const RunOptions& options,
                const std::function<void(const PackedBatch&, RunOutputs)>& take) {
  const EvaluationLoader loader({{task, rows}}, options.batch_size);
  for (int64_t i = 0; i < loader.num_batches(); ++i) {
    check_stop(options.stop);
    const PackedBatch batch = loader.batch(i);
    take(batch, runner.run(batch, wanted));
  }
}

std::vector<float> run_vectors(const Runner& runner, int task, const FeaturesPtr& rows,
                               const VectorOptions& vectors, const RunOptions& options) {
  const int64_t width = runner.hidden_size();
  std::vector<float> all(static_cast<size_t>(rows->num_rows() * width));
  run_wanted(runner, task, rows, {.vectors = vectors}, options,
             [&](const PackedBatch& batch, const RunOutputs& outputs) {
               const float* from = outputs.vectors.data();
               for (const int64_t row : batch.row_ids) {
                 std::copy_n(from, width, all.begin() + row * width);
                 from += width;
               }
             });
  return all;
}

}  // namespace pals
