#include "data/feature_cache.h"

#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text_util.h"
#include "catalog/reader.h"
#include "data/cache_limit.h"
#include "kinds/kind.h"
#include "text/tokenizer_files.h"

namespace pals {
namespace {

/// Hashes values one after the other, each with its length, so that no two lists run together.
class KeyHasher {
 public:
  template <typename T>
  void add(const T& value) {
    const std::string text = concat(value);
    hasher_.update(concat(text.size(), ":"));
    hasher_.update(text);
  }

  void add(const std::optional<Column>& column) {
    add(column.has_value());
    if (!column) return;
    add(column->number.has_value());
    add(column->number.value_or(0));
    add(column->name);
  }

  std::string hex() const { return hasher_.hex(); }

 private:
  Hasher128 hasher_;
};

std::string feature_key(const Task& task, const DataFile& file, const std::string& file_hash,
                        const Tokenizer& tokenizer, int max_seq_length) {
  KeyHasher key;
  key.add(kFeatureVersion);
  key.add(file_hash);
  key.add(tokenizer.vocabulary().content_hash());
  key.add(json_text(tokenizer_config_keys(tokenizer.settings()), -1));
  key.add(max_seq_length);
  key.add(static_cast<int>(task.kind));
  key.add(json_text(kind_of(task).encoding_keys(task), -1));
  key.add(static_cast<int>(file.format));
  key.add(file.header);
  key.add(std::optional<Column>(file.text_a));
  key.add(file.text_b);
  key.add(file.label);
  key.add(file.required_columns.value_or(-1));
  key.add(file.choices.size());
  for (const Column& choice : file.choices) key.add(std::optional<Column>(choice));
  key.add(file.header_known);
  key.add(file.unlabelled.size());
  for (const std::string& label : file.unlabelled) key.add(label);
  key.add(file.label_columns.size());
  for (const Column& label : file.label_columns) key.add(std::optional<Column>(label));
  // What cannot be learned is left out of training only, and texts are kept for the others.
  key.add(file.is_training());
  return key.hex();
}

std::string hash_of(const Task& task, const DataFile& file, const std::string& base_dir) {
  const std::string path = data_path(file, base_dir);
  // Of a missing file the reader knows best what to say: let it.
  if (!file_exists(path)) read_examples(task, file, base_dir);
  return file_hash_hex(path);
}

FileStamp stamp_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {static_cast<int64_t>(status.st_size), static_cast<int64_t>(status.st_mtim.tv_sec),
          static_cast<int64_t>(status.st_mtim.tv_nsec), static_cast<uint64_t>(status.st_ino)};
}

std::string cache_path(const FeatureRequest& request, const std::string& cache_dir) {
  return concat(cache_dir, "/", request.key, ".features");
}

}  // namespace

std::string feature_cache_dir(const std::string& name) {
  if (name != "auto") return name;
  // A relative XDG_CACHE_HOME is to be ignored, says its specification.
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && cache[0] == '/') {
    return concat(cache, "/pals/features");
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/') {
    return concat(home, "/.cache/pals/features");
  }
  return "";
}

FeatureRequest::FeatureRequest(const Task& task, const DataFile& file, const std::string& base_dir,
                               const Tokenizer& tokenizer, int max_seq_length)
    : path(data_path(file, base_dir)),
      stamp(stamp_of(path)),
      file_hash(hash_of(task, file, base_dir)),
      key(feature_key(task, file, file_hash, tokenizer, max_seq_length)),
      limits{static_cast<int64_t>(tokenizer.vocabulary().size()), max_seq_length, task.kind,
             num_outputs(task)} {
  if (max_seq_length < kMinSeqLength) {
    fail_usage("max_seq_length is ", max_seq_length, "; it must be at least ", kMinSeqLength);
  }
}

FeaturesPtr find_features(const FeatureRequest& request, const std::string& cache_dir) {
  if (cache_dir.empty()) return nullptr;
  const std::string path = cache_path(request, cache_dir);
  if (!file_exists(path)) return nullptr;
  try {
    const MappedFile file(path);
    mark_used(path);
    return std::make_shared<const FeatureSet>(
        parse_feature_file(file.bytes(), request.key, request.limits));
  } catch (const Error& error) {
    log_warning("feature cache ", path, " cannot be used (", error.what(), "); it is made anew");
    return nullptr;
  }
}

void keep_features(const FeatureRequest& request, const FeatureSet& features,
                   const std::string& cache_dir) {
  if (cache_dir.empty()) return;
  try {
    if (stamp_of(request.path) != request.stamp) {
      log_warning(request.path, " changed while it was read; its features are not cached");
      return;
    }
    make_directories(cache_dir);
    write_feature_file(cache_path(request, cache_dir), request.key, features);
    limit_feature_cache(cache_dir);
  } catch (const Error& error) {
    static std::atomic<bool> warned{false};
    if (!warned.exchange(true)) {
      log_warning("features are not cached (", error.what(), "); they are made anew in each run");
    }
  }
}

void report_reading(const Task& task, const DataFile& file, const FeatureSet& features) {
  const std::string where = concat(task.name, " ", file.split, ": ");
  if (features.skipped > 0) {
    const SkippedTraits traits = kind_of(task).skipped();
    log_warning(where, counted(features.skipped, traits.unit), " of ", file.path, " skipped for ",
                traits.reason);
  }
  for (const std::string& note : features.notes) log_warning(where, file.path, ": ", note);
}

FeaturesPtr load_features(const Task& task, const DataFile& file, const std::string& base_dir,
                          const Tokenizer& tokenizer, int max_seq_length,
                          const std::string& cache_dir, int threads) {
  const FeatureRequest request(task, file, base_dir, tokenizer, max_seq_length);
  if (FeaturesPtr cached = find_features(request, cache_dir)) {
    report_reading(task, file, *cached);
    return cached;
  }
  FeatureSet features =
      kind_of(task).make_features(task, read_examples(task, file, base_dir), file.is_training(),
                                  {tokenizer, max_seq_length}, {.threads = threads});
  report_reading(task, file, features);
  keep_features(request, features, cache_dir);
  return std::make_shared<const FeatureSet>(std::move(features));
}

}  // namespace pals
