#include "serve/job_batch.h"

#include <algorithm>

#include "features/features.h"

namespace pals {
namespace {

int64_t tokens_of(const FeatureSet& features, int64_t example) {
  return features.row_offsets[static_cast<size_t>(features.first_row(example + 1))] -
         features.row_offsets[static_cast<size_t>(features.first_row(example))];
}

int64_t longest_row_of(const FeatureSet& features, int64_t example) {
  int64_t longest = 0;
  for (int64_t row = features.first_row(example); row < features.first_row(example + 1); ++row) {
    longest = std::max(longest, features.row_length(row));
  }
  return longest;
}

int64_t logits_before(const HeadShape& shape, const FeatureSet& features, int64_t row) {
  return shape.size(row, features.row_offsets[static_cast<size_t>(row)]);
}

}  // namespace

int64_t Job::num_tokens() const {
  int64_t tokens = 0;
  for (const AskedRows& source : sources) tokens += source.features->num_tokens();
  return tokens;
}

void JobBatch::prepare(Job& job) {
  for (const AskedRows& source : job.sources) {
    const FeatureSet& features = *source.features;
    if (job.wanted_vectors) {
      job.vectors.emplace_back(
          static_cast<size_t>(features.num_rows() * job.runner->hidden_size()));
      continue;
    }
    job.logits.emplace_back();
    for (const int task : source.tasks) {
      job.logits.back().emplace_back(static_cast<size_t>(
          logits_before(job.runner->head_shape(task), features, features.num_rows())));
    }
  }
}

bool JobBatch::fit_together(const Job& one, const Job& other) {
  return one.runner == other.runner && one.wanted_vectors == other.wanted_vectors;
}

int JobBatch::trunk_of(const Runner& runner, int task) {
  for (const int trunk : trunks_) {
    if (runner.shares_trunk(trunk, task)) return trunk;
  }
  trunks_.push_back(task);
  return task;
}

void JobBatch::add(const std::shared_ptr<Job>& job, size_t source, int64_t example) {
  const AskedRows& asked = job->sources[source];
  examples_.push_back({job, source, example, trunk_of(*job->runner, asked.tasks.front()),
                       longest_row_of(*asked.features, example)});
  num_tokens_ += tokens_of(*asked.features, example);
}

void JobBatch::lay_out() {
  std::ranges::stable_sort(examples_, [](const Place& a, const Place& b) {
    return a.trunk != b.trunk ? a.trunk < b.trunk : a.longest_row > b.longest_row;
  });
  const Job& first = *examples_.front().job;
  wanted_.vectors = first.wanted_vectors;
  for (const Place& place : examples_) {
    const AskedRows& asked = place.job->sources[place.source];
    append_example(*asked.features, place.example, place.trunk, static_cast<int64_t>(rows_.size()),
                   batch_);
    for (int64_t row = asked.features->first_row(place.example);
         row < asked.features->first_row(place.example + 1); ++row) {
      rows_.push_back({&place, row});
    }
    if (wanted_.vectors) continue;
    wanted_.heads.resize(batch_.segments.size());
    std::vector<int>& heads = wanted_.heads.back();
    for (const int task : asked.tasks) {
      if (std::ranges::find(heads, task) == heads.end()) heads.push_back(task);
    }
  }
}

void JobBatch::run() {
  lay_out();
  const RunOutputs outputs = examples_.front().job->runner->run(batch_, wanted_);
  if (wanted_.vectors) {
    take_vectors(outputs);
  } else {
    take_heads(outputs);
  }
}

void JobBatch::take_heads(const RunOutputs& outputs) const {
  auto head = outputs.heads.begin();
  for (size_t s = 0; s < batch_.segments.size(); ++s) {
    for (size_t i = 0; i < wanted_.heads[s].size(); ++i) take_head(batch_.segments[s], *head++);
  }
}

void JobBatch::take_head(const Segment& segment, const HeadOutputs& head) const {
  for (int64_t b = segment.first_row; b < segment.last_row; ++b) {
    const Row& row = rows_[static_cast<size_t>(batch_.row_ids[static_cast<size_t>(b)])];
    Job& job = *row.place->job;
    const AskedRows& asked = job.sources[row.place->source];
    const auto task = std::ranges::find(asked.tasks, head.task);
    if (task == asked.tasks.end()) continue;  // another row of the segment asks
    Logits& to = job.logits[row.place->source][static_cast<size_t>(task - asked.tasks.begin())];
    std::ranges::copy(
        head.row(b - segment.first_row),
        to.begin() + logits_before(job.runner->head_shape(head.task), *asked.features, row.row));
  }
}

void JobBatch::take_vectors(const RunOutputs& outputs) const {
  const float* from = outputs.vectors.data();
  for (const int64_t id : batch_.row_ids) {
    const Row& row = rows_[static_cast<size_t>(id)];
    Job& job = *row.place->job;
    const int64_t width = job.runner->hidden_size();
    std::copy_n(from, width, job.vectors[row.place->source].begin() + row.row * width);
    from += width;
  }
}

}  // namespace pals
