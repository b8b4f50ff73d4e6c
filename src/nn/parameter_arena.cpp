#include "nn/parameter_arena.h"

#include <sys/mman.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"

namespace pals {
namespace {

// Zeroed memory on huge pages where the kernel grants them: the optimizer streams through
// gigabytes.
at::Tensor make_buffer(int64_t numel, at::ScalarType type) {
  const size_t bytes = static_cast<size_t>(numel) * c10::elementSize(type);
  constexpr size_t kPage = size_t{2} << 20;
  const size_t mapped = (bytes + kPage - 1) / kPage * kPage;
  void* memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("out of memory: ", bytes >> 20, " MiB for parameters");
  madvise(memory, mapped, MADV_HUGEPAGE);
  return at::from_blob(
      memory, {numel}, [mapped](void* p) { munmap(p, mapped); }, at::TensorOptions(type));
}

uint64_t hash_name(const std::string& name) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace

ParameterArena::ParameterArena(ParameterTable table, at::ScalarType compute_type)
    : table_(std::move(table)), compute_type_(compute_type) {
  weights_ = make_buffer(table_.total(), at::kFloat);
  if (compute_type_ == at::kBFloat16) shadow_ = make_buffer(table_.total(), at::kBFloat16);
}

void ParameterArena::prepare_training() {
  if (training_ready()) return;
  gradients_ = make_buffer(table_.total(), at::kFloat);
  first_moment_ = make_buffer(table_.total(), at::kFloat);
  second_moment_ = make_buffer(table_.total(), at::kFloat);
}

at::Tensor ParameterArena::view(const at::Tensor& buffer, ParameterId id) const {
  const Parameter& row = table_[id];
  return buffer.narrow(0, row.offset, row.numel).view(row.shape);
}

at::Tensor ParameterArena::gradient(ParameterId id) const {
  if (!gradients_.defined() || !table_[id].trainable) return {};
  return view(gradients_, id);
}

namespace {

at::Tensor fused_view(const at::Tensor& buffer, int64_t offset, at::IntArrayRef shape) {
  return buffer.narrow(0, offset, c10::multiply_integers(shape)).view(shape);
}

}  // namespace

at::Tensor ParameterArena::fused_weight(ParameterId first, at::IntArrayRef shape,
                                        at::ScalarType type) const {
  const at::Tensor& buffer = type == at::kFloat ? weights_ : shadow_;
  return fused_view(buffer, table_[first].offset, shape);
}

at::Tensor ParameterArena::fused_gradient(ParameterId first, at::IntArrayRef shape) const {
  if (!gradients_.defined() || !table_[first].trainable) return {};
  return fused_view(gradients_, table_[first].offset, shape);
}

void ParameterArena::initialize(double initializer_range, uint64_t seed,
                                const std::vector<std::string>& names) {
  float* weights = weights_.data_ptr<float>();
  for (const std::string& name : names) {
    const Parameter& row = table_[table_.find(name)];
    float* first = weights + row.offset;
    if (row.init != Init::kNormal) {
      std::fill(first, first + row.numel, row.init == Init::kOne ? 1.0F : 0.0F);
      continue;
    }
    Random random(seed, hash_name(row.name));
    for (int64_t i = 0; i < row.numel; ++i) {
      first[i] = static_cast<float>(random.normal() * initializer_range);
    }
  }
  refresh_shadow();
}

void ParameterArena::initialize(double initializer_range, uint64_t seed) {
  std::vector<std::string> names;
  for (const Parameter& row : table_.rows()) names.push_back(row.name);
  initialize(initializer_range, seed, names);
}

void ParameterArena::refresh_shadow() {
  if (shadow_.defined()) shadow_.copy_(weights_);
}

void ParameterArena::refresh_shadow(ArenaRange range) {
  if (!shadow_.defined()) return;
  shadow_.slice(0, range.begin, range.end).copy_(weights_.slice(0, range.begin, range.end));
}

void ParameterArena::release_moments(ArenaRange range) {
  constexpr uintptr_t kPage = 4096;
  for (const at::Tensor& buffer : {first_moment_, second_moment_}) {
    const auto base = reinterpret_cast<uintptr_t>(buffer.data_ptr());
    const uintptr_t first =
        (base + static_cast<uintptr_t>(range.begin) * 4 + kPage - 1) & ~(kPage - 1);
    const uintptr_t last = (base + static_cast<uintptr_t>(range.end) * 4) & ~(kPage - 1);
    // Of private memory without a file, such pages read as zeros afterwards.
    if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  }
}

void ParameterArena::zero_gradients(int task) {
  // Whole runs of parameters that train: pages that nothing is ever added to stay untouched.
  int64_t begin = 0, end = 0;
  const auto zero_run = [&] {
    if (end > begin) gradients_.narrow(0, begin, end - begin).zero_();
  };
  for (const Parameter& row : table_.rows()) {
    if (!row.trainable || (row.owner != kSharedOwner && row.owner != task)) continue;
    if (row.offset != end) {
      zero_run();
      begin = row.offset;
    }
    end = row.offset + row.numel;
  }
  zero_run();
}

}  // namespace pals
