// Any bytes as the body of each endpoint's request: it is refused with ServeError or Error, or its
// work is computed by a stand-in for the network and answered with JSON.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/error.h"
#include "features/test_tokens.h"
#include "predict/test_runner.h"
#include "serve/body.h"
#include "serve/endpoints.h"
#include "serve/job_batch.h"

namespace {

/// Vectors beside the stand-in's logits.
class FuzzRunner : public pals::testing::StandInRunner {
 public:
  using StandInRunner::StandInRunner;
  pals::RunOutputs run(const pals::PackedBatch& batch, const pals::Wanted& wanted) const override {
    pals::RunOutputs outputs = StandInRunner::run(batch, wanted);
    outputs.vectors.assign(static_cast<size_t>(batch.num_rows()), 0.5F);
    return outputs;
  }
};

pals::ServedModel make_model() {
  pals::ServedModel model;
  model.tasks = pals::testing::asked_tasks();
  std::vector<pals::Task> tasks = model.tasks;
  tasks.push_back({.name = "", .kind = pals::TaskKind::kRegression});
  model.encoder = static_cast<int>(tasks.size()) - 1;
  model.runner = std::make_shared<FuzzRunner>(tasks);
  model.tokenizer = std::make_shared<pals::Tokenizer>(pals::letter_tokenizer());
  model.max_seq_length = 14;
  return model;
}

void compute(const pals::ServedModel& model, const pals::Work& work,
             const std::shared_ptr<pals::Job>& job) {
  job->runner = model.runner;
  job->sources = work.sources;
  job->wanted_vectors = work.vectors;
  pals::JobBatch::prepare(*job);
  pals::JobBatch batch;
  for (size_t source = 0; source < job->sources.size(); ++source) {
    const int64_t examples = job->sources[source].features->num_examples();
    for (int64_t example = 0; example < examples; ++example) batch.add(job, source, example);
  }
  if (!batch.empty()) batch.run();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const pals::ServedModel model = make_model();
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const pals::Endpoint& endpoint : pals::endpoints()) {
    if (endpoint.work == nullptr) continue;
    try {
      const pals::Work work = endpoint.work(model, pals::read_body(bytes), {});
      const auto job = std::make_shared<pals::Job>();
      compute(model, work, job);
      if (!pals::Json::accept(work.answer(*job))) std::abort();
    } catch (const pals::ServeError& error) {
      if (error.status() < 400 || error.status() > 499) std::abort();
    } catch (const pals::Error&) {
    }
  }
  return 0;
}
