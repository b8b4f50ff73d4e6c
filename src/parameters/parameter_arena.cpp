#include "parameters/parameter_arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>

#include "base/device_rows.h"
#include "base/error.h"
#include "base/random.h"

namespace pals {
namespace {

// Zeroed memory; on the CPU on huge pages where the kernel grants them: the optimizer streams
// through gigabytes.
at::Tensor make_buffer(int64_t numel, at::ScalarType type, at::Device device) {
  if (!device.is_cpu()) return at::zeros({numel}, at::TensorOptions(type).device(device));
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

void draw(const Parameter& row, double initializer_range, uint64_t seed, float* values) {
  if (row.init == Init::kZero || row.init == Init::kOne) {
    std::fill_n(values, row.numel, row.init == Init::kOne ? 1.0F : 0.0F);
    return;
  }
  Random random(seed, hash_name(row.name));
  const double bound = 1.0 / std::sqrt(static_cast<double>(row.shape.back()));
  for (int64_t i = 0; i < row.numel; ++i) {
    values[i] =
        static_cast<float>(row.init == Init::kNormal ? random.normal() * initializer_range
                                                     : (2.0 * random.uniform() - 1.0) * bound);
  }
}

// Zeroes a range of a buffer; on the CPU gives its memory back.
void release(const at::Tensor& buffer, ArenaRange range) {
  constexpr uintptr_t kPage = 4096;
  if (!buffer.is_cpu()) {
    buffer.slice(0, range.begin, range.end).zero_();
    return;
  }
  auto* const base = static_cast<char*>(buffer.data_ptr());
  const auto address = reinterpret_cast<uintptr_t>(base);
  const auto size = static_cast<uintptr_t>(buffer.element_size());
  const uintptr_t first =
      (address + static_cast<uintptr_t>(range.begin) * size + kPage - 1) & ~(kPage - 1);
  const uintptr_t last = (address + static_cast<uintptr_t>(range.end) * size) & ~(kPage - 1);
  // Of private memory without a file, such pages read as zeros afterwards.
  if (first < last) madvise(base + (first - address), last - first, MADV_DONTNEED);
}

}  // namespace

ParameterArena::ParameterArena(ParameterTable table, at::ScalarType compute_type, at::Device device)
    : table_(std::move(table)), compute_type_(compute_type) {
  weights_ = make_buffer(table_.total(), at::kFloat, device);
  if (compute_type_ == at::kFloat) return;
  if (!device.is_cpu()) table_.pad_shadow_rows(kDeviceRowMultiple);
  shadow_ = make_shadow(table_.shadow_total());
}

at::Tensor ParameterArena::make_shadow(int64_t numel) const {
  int64_t beyond = 0;
  if (!device().is_cpu()) {
    for (const Parameter& row : table_.rows()) {
      beyond = std::max(beyond, kDeviceRowMultiple * device_row(row.shape.back()));
    }
  }
  return make_buffer(numel + beyond, compute_type_, device());
}

void ParameterArena::prepare_training() {
  if (training_ready()) return;
  gradients_ = make_buffer(table_.total(), at::kFloat, device());
  first_moment_ = make_buffer(table_.total(), at::kFloat, device());
  second_moment_ = make_buffer(table_.total(), at::kFloat, device());
  if (!keeps_average_) return;
  average_ = make_buffer(table_.total(), at::kFloat, device());
  average_.copy_(weights_);
}

void ParameterArena::freeze_shared() {
  table_.freeze_shared(Frozen::kAll);
  if (!gradients_.defined()) return;
  const ArenaRange shared = table_.range(kSharedOwner);
  gradients_.slice(0, shared.begin, shared.end).zero_();  // nobody will again
}

void ParameterArena::move_average(ArenaRange range, double share) {
  average_.slice(0, range.begin, range.end).lerp_(weights_.slice(0, range.begin, range.end), share);
}

void ParameterArena::exchange_average() {
  constexpr int64_t kPart = int64_t{1} << 22;  // of which a copy is made
  for (int64_t begin = 0; begin < weights_.numel(); begin += kPart) {
    const int64_t end = std::min(begin + kPart, weights_.numel());
    const at::Tensor one = weights_.slice(0, begin, end), other = average_.slice(0, begin, end);
    const at::Tensor kept = one.clone();
    one.copy_(other);
    other.copy_(kept);
  }
  refresh_shadow();
}

at::Tensor ParameterArena::view(const at::Tensor& buffer, const at::Tensor& slot, ParameterId first,
                                at::IntArrayRef shape) const {
  const Parameter& row = table_[first];
  const int64_t begin = in_slot(row) ? table_.range(slot_.task).begin : 0;
  return (in_slot(row) ? slot : buffer)
      .narrow(0, row.offset - begin, c10::multiply_integers(shape))
      .view(shape);
}

bool ParameterArena::in_slot(const Parameter& row) const {
  return slot_.weights.defined() && row.owner == slot_.task;
}

at::Tensor ParameterArena::shadow_view(ParameterId first, at::IntArrayRef shape) const {
  const Parameter& row = table_[first];
  const int64_t begin = in_slot(row) ? table_.shadow_range(slot_.task).begin : 0;
  const at::Tensor& buffer = in_slot(row) ? slot_.shadow : shadow_;
  const int64_t offset = row.shadow_offset - begin;
  if (row.shadow_stride == 0) {
    return buffer.narrow(0, offset, c10::multiply_integers(shape)).view(shape);
  }
  return buffer.as_strided(shape, {row.shadow_stride, 1}, offset);
}

at::Tensor ParameterArena::weight_view(ParameterId first, at::IntArrayRef shape,
                                       at::ScalarType type) const {
  return type == at::kFloat ? view(weights_, slot_.weights, first, shape)
                            : shadow_view(first, shape);
}

at::Tensor ParameterArena::fused_gradient(ParameterId first, at::IntArrayRef shape) const {
  if (!gradients_.defined() || !table_[first].trainable) return {};
  return view(gradients_, slot_.gradients, first, shape);
}

ParameterArena ParameterArena::with_slot(const std::vector<int>& tasks) const {
  int64_t numel = table_.total(), shadow_numel = table_.shadow_total();
  for (const int task : tasks) {
    const ArenaRange range = table_.range(task), shadow = table_.shadow_range(task);
    numel = std::min(numel, range.end - range.begin);
    shadow_numel = std::min(shadow_numel, shadow.end - shadow.begin);
  }
  ParameterArena arena = *this;
  const auto buffer = [&](const at::Tensor& like) {
    return like.defined() ? at::zeros({numel}, like.options()) : at::Tensor();
  };
  arena.slot_ = {tasks.front(),
                 shadow_numel,
                 buffer(weights_),
                 buffer(gradients_),
                 shadow_.defined() ? make_shadow(shadow_numel) : shadow_,
                 at::arange(numel / ParameterTable::kAlignment).to(device())};
  return arena;
}

at::Tensor ParameterArena::slot_part(const at::Tensor& buffer, int task) const {
  return buffer.narrow(0, table_.range(task).begin, slot_.weights.numel());
}

void ParameterArena::fill_slot(int task) {
  slot_.weights.copy_(slot_part(weights_, task));
  if (shadow_.defined()) {
    const int64_t numel = slot_.shadow_numel;
    slot_.shadow.narrow(0, 0, numel)
        .copy_(shadow_.narrow(0, table_.shadow_range(task).begin, numel));
  }
  if (gradients_.defined()) slot_.gradients.zero_();
}

void ParameterArena::add_slot_gradients(int task) {
  slot_part(gradients_, task).add_(slot_.gradients);
}

int64_t ParameterArena::slot_place(int task) const {
  return table_.range(task).begin / ParameterTable::kAlignment;
}

void ParameterArena::add_slot_gradients(const at::Tensor& place) {
  const auto lines = [](const at::Tensor& x) { return x.view({-1, ParameterTable::kAlignment}); };
  lines(gradients_).index_add_(0, slot_.lines + place, lines(slot_.gradients));
}

void ParameterArena::write_weight(ParameterId id, const std::function<void(float*)>& write) {
  const at::Tensor target = weight(id);
  const at::Tensor values = target.is_cpu() ? target : at::empty(target.sizes(), at::kFloat);
  write(values.mutable_data_ptr<float>());
  if (!target.is_cpu()) target.copy_(values);
}

void ParameterArena::initialize(double initializer_range, uint64_t seed,
                                const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const ParameterId id = table_.find(name);
    const Parameter& row = table_[id];
    write_weight(id, [&](float* values) { draw(row, initializer_range, seed, values); });
  }
  refresh_shadow();
}

void ParameterArena::initialize(double initializer_range, uint64_t seed) {
  std::vector<std::string> names;
  for (const Parameter& row : table_.rows()) names.push_back(row.name);
  initialize(initializer_range, seed, names);
}

void ParameterArena::refresh_shadow() { refresh_shadow({0, table_.total()}); }

void ParameterArena::refresh_shadow(ArenaRange range) {
  if (!shadow_.defined()) return;
  for (const ShadowRun& run : table_.shadow_runs()) {
    const int64_t begin = std::max(run.range.begin, range.begin);
    const int64_t end = std::min(run.range.end, range.end);
    if (begin >= end) continue;
    if (run.stride == 0) {
      shadow_.slice(0, begin + run.shift, end + run.shift).copy_(weights_.slice(0, begin, end));
      continue;
    }
    // All of it: its other rows are what they are.
    const at::Tensor rows =
        weights_.slice(0, run.range.begin, run.range.end).view({-1, run.columns});
    shadow_.as_strided(rows.sizes(), {run.stride, 1}, run.range.begin + run.shift).copy_(rows);
  }
}

void ParameterArena::release_moments(ArenaRange range) {
  for (const at::Tensor& buffer : {first_moment_, second_moment_}) release(buffer, range);
}

void ParameterArena::release_weights(int task) {
  release(weights_, table_.range(task));
  if (shadow_.defined()) release(shadow_, table_.shadow_range(task));
}

void ParameterArena::zero_gradients(int task) {
  // Whole runs of parameters that train, with the padding between them: pages that nothing is ever
  // added to stay untouched.
  for (const int owner : {kSharedOwner, task}) {
    int64_t begin = 0, end = 0;
    const auto zero_run = [&] {
      if (end > begin) gradients_.narrow(0, begin, end - begin).zero_();
      begin = end = 0;
    };
    for (const Parameter& row : table_.rows()) {
      if (row.owner != owner) continue;
      if (!row.trainable) {
        zero_run();
        continue;
      }
      if (end == 0) begin = row.offset;
      end = row.offset + row.numel;
    }
    zero_run();
  }
}

}  // namespace pals
