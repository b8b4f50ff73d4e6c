#include "train/memory_check.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "kernels/device.h"
#include "model/training_memory.h"

namespace pals {
namespace {

// Tokens of a batch of one task: with rows of mean length, and with the longest there are.
struct BatchTokens {
  int64_t mean = 0, most = 0;
};

BatchTokens batch_tokens(const FeatureSet& features, int64_t examples) {
  const int64_t count = features.num_examples();
  if (count == 0) return {};
  const int64_t taken = std::min(examples, count);
  std::vector<int64_t> lengths;
  lengths.reserve(static_cast<size_t>(count));
  const auto first_token = [&](int64_t example) {
    return features.row_offsets[static_cast<size_t>(features.first_row(example))];
  };
  for (int64_t example = 0; example < count; ++example) {
    lengths.push_back(first_token(example + 1) - first_token(example));
  }
  const auto end = lengths.begin() + taken;
  std::partial_sort(lengths.begin(), end, lengths.end(), std::greater<>());
  BatchTokens tokens{.mean = (features.num_tokens() * taken + count - 1) / count};
  for (auto length = lengths.begin(); length != end; ++length) tokens.most += *length;
  return tokens;
}

// LibTorch's allocator has a type for it; libraries that allocate by themselves have words only.
bool is_out_of_memory(const c10::Error& error) {
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) return true;
  const std::string_view what = error.what_without_backtrace();
  return what.find("out of memory") != std::string_view::npos ||
         what.find("ALLOC_FAILED") != std::string_view::npos;
}

}  // namespace

void check_memory(const MultiTaskModel& model, const std::vector<FeaturesPtr>& tasks,
                  int64_t examples) {
  const Accelerator* accelerator = accelerator_of(model.device());
  if (accelerator == nullptr) return;
  BatchTokens largest;
  for (const FeaturesPtr& features : tasks) {
    const BatchTokens tokens = batch_tokens(*features, examples);
    largest.mean = std::max(largest.mean, tokens.mean);
    largest.most = std::max(largest.most, tokens.most);
  }
  const int64_t free = accelerator->info(model.device().index()).free_memory;
  const auto fits = [&](const TrainingMemory& memory) {
    const int64_t state =
        model.arena().training_ready() ? 0 : memory.gradients + memory.moments + memory.average;
    return state + memory.batch <= free;
  };
  const TrainingMemory usual = training_memory(model, largest.mean);
  if (!fits(usual)) fail("not enough memory: ", memory_text(usual, model));
  const TrainingMemory most = training_memory(model, largest.most);
  if (!fits(most)) {
    log_warning("memory may run out if the longest rows meet: ", memory_text(most, model));
  }
}

void within_memory(const MultiTaskModel& model, int64_t tokens, c10::function_ref<void()> work) {
  try {
    work();
  } catch (const c10::Error& error) {
    if (model.device().is_cpu() || !is_out_of_memory(error)) throw;
    fail("out of memory: ", memory_text(training_memory(model, tokens), model));
  }
}

}  // namespace pals
