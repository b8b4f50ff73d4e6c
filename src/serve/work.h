// A request as work: what the network has to compute, and how the answer is made of it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "serve/job.h"
#include "serve/served_model.h"

namespace pals {

struct RequestLimits {
  size_t max_client_batch_size = 32;  ///< texts of a request
};

struct Work {
  std::vector<AskedRows> sources = {};  ///< none: nothing has to be computed
  std::optional<VectorOptions> vectors = {};
  /// The body of the answer, out of the job's logits or vectors. Any thread.
  std::function<std::string(const Job&)> answer;
  std::vector<std::string> tasks = {};  ///< by name, that were asked
  int64_t texts = 0;
};

/// Makes work of a body. Throws ServeError, and Error for what the texts lack. Any thread.
using MakeWork = Work (*)(const ServedModel& model, const Json& body, const RequestLimits& limits);

Work predict_work(const ServedModel& model, const Json& body, const RequestLimits& limits);
Work rerank_work(const ServedModel& model, const Json& body, const RequestLimits& limits);
Work embed_work(const ServedModel& model, const Json& body, const RequestLimits& limits);
Work similarity_work(const ServedModel& model, const Json& body, const RequestLimits& limits);
Work openai_embeddings_work(const ServedModel& model, const Json& body,
                            const RequestLimits& limits);
Work tokenize_work(const ServedModel& model, const Json& body, const RequestLimits& limits);
Work decode_work(const ServedModel& model, const Json& body, const RequestLimits& limits);

}  // namespace pals
