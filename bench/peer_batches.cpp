#include "peer_batches.h"

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"

namespace pals::bench {
namespace {

/// The value of an environment variable; empty if unset.
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

std::string default_data_dir() {
  const std::string named = environment("PALS_GLUE_DIR");
  if (!named.empty()) return named;
  const std::string beside = PALS_SOURCE_DIR "/../shared/glue";
  if (directory_exists(beside)) return beside;
  fail_usage("no GLUE data: give its folder with --data_dir, or set PALS_GLUE_DIR");
}

std::string default_vocab_file() {
  const std::string named = environment("PALS_VOCAB_FILE");
  if (!named.empty()) return named;
  const std::string cache = environment("XDG_CACHE_HOME");
  const std::string home = cache.empty() ? environment("HOME") + "/.cache" : cache;
  for (const std::string& path :
       {home + "/pals/models/all-MiniLM-L6-v2/vocab.txt",
        std::string(PALS_SOURCE_DIR "/../shared/vocab/bert-base-uncased-vocab.txt")}) {
    if (file_exists(path)) return path;
  }
  fail_usage(
      "no vocabulary: give an uncased vocab.txt with --vocab_file, set PALS_VOCAB_FILE, or run ",
      "scripts/setup.sh --weights");
}

PaddedBatch pad(const PackedBatch& batch, int64_t length, bool regression) {
  const int64_t rows = batch.num_rows();
  PaddedBatch padded;
  padded.task = batch.segments.front().task;
  padded.input_ids = at::zeros({rows, length}, at::kLong);
  padded.token_type_ids = at::zeros({rows, length}, at::kLong);
  padded.attention_mask = at::zeros({rows, length}, at::kLong);
  padded.labels = at::zeros({rows}, regression ? at::kFloat : at::kLong);
  for (int64_t row = 0; row < rows; ++row) {
    const auto r = static_cast<size_t>(row);
    for (int32_t token = batch.cu_seqlens[r]; token < batch.cu_seqlens[r + 1]; ++token) {
      const auto t = static_cast<size_t>(token);
      const int64_t place = row * length + token - batch.cu_seqlens[r];
      padded.input_ids.data_ptr<int64_t>()[place] = batch.token_ids[t];
      padded.token_type_ids.data_ptr<int64_t>()[place] = batch.token_type_ids[t];
      padded.attention_mask.data_ptr<int64_t>()[place] = 1;
    }
    if (regression) {
      padded.labels.data_ptr<float>()[row] = batch.targets_of(static_cast<int64_t>(r)).front();
    } else {
      padded.labels.data_ptr<int64_t>()[row] =
          static_cast<int64_t>(batch.targets_of(static_cast<int64_t>(r)).front());
    }
  }
  return padded;
}

}  // namespace pals::bench
