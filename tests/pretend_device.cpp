#include "pretend_device.h"

#include <ATen/EmptyTensor.h>
#include <ATen/native/TensorFactories.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <sys/mman.h>
#include <torch/library.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "nn/device.h"
#include "store_ranks.h"

namespace pals::testing {
namespace {

constexpr auto kType = c10::DeviceType::PrivateUse1;
constexpr size_t kReserved = size_t{2} << 30, kAlignment = 64;

/// One run of addresses, which the host may touch only while an operator runs.
class Memory {
 public:
  static Memory& instance() {
    static auto* memory = new Memory;  // outlives the last tensor
    return *memory;
  }

  void* allocate(size_t bytes) {
    const std::lock_guard lock(mutex_);
    const size_t size = std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
    auto place = free_.begin();
    while (place != free_.end() && place->second < size) ++place;
    TORCH_CHECK_WITH(OutOfMemoryError, place != free_.end() && taken_ + size <= limit_,
                     "pretend device: out of memory");
    taken_ += size;
    const auto [first, room] = *place;
    free_.erase(place);
    if (room > size) free_[first + size] = room - size;
    used_[first] = size;
    reach_ = std::max(reach_, first + size);
    unlock();
    std::memset(base_ + first, 0xFF, size);
    lock_again();
    return base_ + first;
  }

  void release(void* pointer) {
    const std::lock_guard lock(mutex_);
    const auto used = used_.find(static_cast<size_t>(static_cast<char*>(pointer) - base_));
    size_t first = used->first, size = used->second;
    used_.erase(used);
    taken_ -= size;
    const auto next = free_.lower_bound(first);
    if (next != free_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == first) {
        first = before->first;
        size += before->second;
        free_.erase(before);
      }
    }
    if (next != free_.end() && first + size == next->first) {
      size += next->second;
      free_.erase(next);
    }
    free_[first] = size;
  }

  size_t free_bytes() {
    const std::lock_guard lock(mutex_);
    return limit_ - std::min(limit_, taken_);
  }
  void set_free_bytes(size_t bytes) {
    const std::lock_guard lock(mutex_);
    limit_ = std::min(kReserved, taken_ + bytes);
  }

  void begin() {
    const std::lock_guard lock(mutex_);
    unlock();
  }
  void end() {
    const std::lock_guard lock(mutex_);
    lock_again();
  }

 private:
  Memory()
      : base_(static_cast<char*>(mmap(nullptr, kReserved, PROT_NONE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    TORCH_CHECK(base_ != MAP_FAILED, "pretend device: no memory");
    free_[0] = kReserved;
  }

  // What is in reach is what was ever allocated: more is made so while an operator runs.
  void unlock() {
    if (running_++ == 0 || open_ < reach_) {
      mprotect(base_, reach_, PROT_READ | PROT_WRITE);
      open_ = reach_;
    }
  }
  void lock_again() {
    if (--running_ > 0) return;
    mprotect(base_, reach_, PROT_NONE);
    open_ = 0;
  }

  char* base_;
  std::mutex mutex_;
  std::map<size_t, size_t> free_, used_;  // sizes by offset
  size_t taken_ = 0, limit_ = kReserved;
  size_t reach_ = 0, open_ = 0;
  int running_ = 0;
};

/// While it lives, the device's memory is in reach.
struct Running {
  Running() { Memory::instance().begin(); }
  ~Running() { Memory::instance().end(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
};

/// The thread's usual device.
thread_local c10::DeviceIndex usual = 0;

int number_from_environment(const char* name, int fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::atoi(text);
}
int num_devices() { return number_from_environment("PALS_PRETEND_DEVICES", 1); }

class PretendAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* memory = bytes > 0 ? Memory::instance().allocate(bytes) : nullptr;
    return {memory, memory, &release, c10::Device(kType, usual)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    const Running running;
    default_copy_data(to, from, bytes);
  }

 private:
  static void release(void* memory) {
    if (memory != nullptr) Memory::instance().release(memory);
  }
};

PretendAllocator& allocator() {
  static auto* one = new PretendAllocator;
  return *one;
}

struct PretendGuard : c10::impl::NoOpDeviceGuardImpl<kType> {
  c10::Device exchangeDevice(c10::Device device) const override {
    return {kType, std::exchange(usual, device.has_index() ? device.index() : usual)};
  }
  c10::Device getDevice() const override { return {kType, usual}; }
  void setDevice(c10::Device device) const override { usual = device.index(); }
  void uncheckedSetDevice(c10::Device device) const noexcept override { usual = device.index(); }
  c10::DeviceIndex deviceCount() const noexcept override {
    return static_cast<c10::DeviceIndex>(num_devices());
  }
  c10::Stream getStream(c10::Device device) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, device);
  }
};

bool is_pretend(const at::Tensor& x) { return x.defined() && x.device().type() == kType; }

/// The same memory as a tensor of the CPU.
at::Tensor as_host(const at::Tensor& x) {
  if (!is_pretend(x)) return x;
  return at::from_blob(const_cast<void*>(x.const_data_ptr()), x.sizes(), x.strides(),
                       at::TensorOptions(x.scalar_type()));
}

at::Tensor to_device(const at::Tensor& x, c10::Device device) {
  at::Tensor copy = at::empty_strided(x.sizes(), x.strides(), x.options().device(device));
  as_host(copy).copy_(x);
  return copy;
}

/// The tensors of one call, as the CPU's operator sees them.
class HostArguments {
 public:
  explicit HostArguments(const c10::OperatorHandle& op) : op_(op) {}

  c10::IValue take(const c10::IValue& value) {
    if (value.isTensor()) return take(value.toTensor());
    if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& x : value.toTensorVector()) list.push_back(take(x));
      return list;
    }
    if (value.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> list;
      for (const std::optional<at::Tensor>& x : value.toOptionalTensorVector()) {
        list.push_back(x ? std::optional(take(*x)) : std::nullopt);
      }
      return list;
    }
    if (!value.isDevice()) return value;
    set_device(value.toDevice());
    return c10::Device(at::kCPU);
  }

  /// A result: the argument that it is, or a new tensor of the device.
  c10::IValue give_back(const c10::IValue& value) const {
    if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& x : value.toTensorVector()) list.push_back(give_back(x).toTensor());
      return list;
    }
    if (!value.isTensor() || !value.toTensor().defined()) return value;
    const at::Tensor& result = value.toTensor();
    for (const auto& [original, aliased] : pairs_) {
      if (result.is_same(aliased)) return original;
      TORCH_CHECK(!result.is_alias_of(aliased), op_.schema().name(),
                  " gives a view, which the pretend device does not know");
    }
    return to_device(result, device_.value_or(c10::Device(kType, usual)));
  }

  void check_shapes() const {
    for (const auto& [original, aliased] : pairs_) {
      TORCH_CHECK(original.sizes() == aliased.sizes(), op_.schema().name(),
                  " changed the shape of an argument");
    }
  }

 private:
  at::Tensor take(const at::Tensor& x) {
    if (!x.defined()) return x;
    // As on a GPU, only single numbers may come from the host.
    TORCH_CHECK(is_pretend(x) || x.dim() == 0, op_.schema().name(), " mixes devices");
    at::Tensor aliased = as_host(x);
    if (!is_pretend(x)) return aliased;
    set_device(x.device());
    pairs_.emplace_back(x, aliased);
    return aliased;
  }

  void set_device(c10::Device device) {
    if (device.type() != kType || !device.has_index()) return;
    TORCH_CHECK(!device_ || *device_ == device, op_.schema().name(), " mixes devices");
    device_ = device;
  }

  const c10::OperatorHandle& op_;
  std::optional<c10::Device> device_;  // of the call's tensors
  std::vector<std::pair<at::Tensor, at::Tensor>> pairs_;
};

void run_on_host(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const Running running;
  HostArguments arguments(op);
  const size_t count = op.schema().arguments().size();
  for (size_t i = stack->size() - count; i < stack->size(); ++i) {
    (*stack)[i] = arguments.take((*stack)[i]);
  }
  const size_t below = stack->size() - count;
  op.callBoxed(stack);
  arguments.check_shapes();
  for (size_t i = below; i < stack->size(); ++i) {
    (*stack)[i] = arguments.give_back((*stack)[i]);
  }
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride,
                         std::optional<at::ScalarType> type, std::optional<at::Layout>,
                         std::optional<at::Device> device, std::optional<bool>) {
  const c10::OptionalDeviceGuard guard(device);
  return at::detail::empty_strided_generic(size, stride, &allocator(),
                                           c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           type.value_or(at::kFloat));
}

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> type,
                 std::optional<at::Layout>, std::optional<at::Device> device, std::optional<bool>,
                 std::optional<at::MemoryFormat> format) {
  const c10::OptionalDeviceGuard guard(device);
  return at::detail::empty_generic(size, &allocator(),
                                   c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   type.value_or(at::kFloat), format);
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool /*non_blocking*/) {
  const Running running;
  as_host(to).copy_(as_host(from));
  return to;
}

const at::Tensor& resize(const at::Tensor& x, at::IntArrayRef size,
                         std::optional<at::MemoryFormat>) {
  const c10::DeviceGuard guard(x.device());
  c10::TensorImpl* impl = x.unsafeGetTensorImpl();
  const size_t bytes = at::detail::computeStorageNbytesContiguous(
      size, x.element_size(), static_cast<size_t>(x.storage_offset()));
  if (bytes > x.storage().nbytes()) {
    x.storage().set_data_ptr(allocator().allocate(bytes));
    x.storage().set_nbytes(bytes);
  }
  impl->set_sizes_contiguous(size);
  return x;
}

// An argument of a block, as the CPU's block sees it.
template <typename T>
T on_host(const T& value) {
  return value;
}
at::Tensor on_host(const at::Tensor& value) { return as_host(value); }
AttentionRows on_host(AttentionRows rows) {
  for (at::Tensor* tensor :
       {&rows.cu_seqlens, &rows.token_keys, &rows.cu_queries, &rows.query_keys}) {
    *tensor = as_host(*tensor);
  }
  return rows;
}

Dropout on_host(Dropout dropout) {
  if (dropout.device_key != nullptr) dropout.key = *dropout.device_key;
  return dropout;
}

template <typename T>
bool is_half(const T&) {
  return false;
}
bool is_half(const at::Tensor& x) { return x.defined() && x.scalar_type() == at::kHalf; }

// The block of the table's member on the CPU; CPU kernels do not know fp16.
template <auto kMember, typename... Arguments>
void run_block(Arguments... arguments) {
  const Running running;
  std::tuple<std::decay_t<Arguments>...> host{on_host(arguments)...};
  const BlockTable& table = (is_half(arguments) || ...) ? plain::block_table() : cpu::block_table();
  std::apply([&](auto&... values) { (table.*kMember)(values...); }, host);
}

template <auto kMember>
struct Wrapped {
  template <typename... Arguments>
  static constexpr auto make(void (*BlockTable::*)(Arguments...)) {
    return &run_block<kMember, Arguments...>;
  }
  static constexpr auto value = make(kMember);
};

void bert_adam_step_on_host(const std::vector<AdamRange>& ranges, const BertAdamOptions& options,
                            at::Tensor weights, const at::Tensor& gradients,
                            at::Tensor first_moment, at::Tensor second_moment, at::Tensor shadow) {
  const Running running;
  at::Tensor overflow;
  BertAdamOptions own = options;
  if (options.overflow != nullptr) {
    overflow = as_host(*options.overflow);
    own.overflow = &overflow;
  }
  const BlockTable& table = is_half(shadow) ? plain::block_table() : cpu::block_table();
  table.bert_adam_step(ranges, own, as_host(weights), as_host(gradients), as_host(first_moment),
                       as_host(second_moment), as_host(shadow));
}

const BlockTable& pretend_blocks() {
  static constexpr BlockTable table = {
      .bias_activation_forward = Wrapped<&BlockTable::bias_activation_forward>::value,
      .bias_activation_backward = Wrapped<&BlockTable::bias_activation_backward>::value,
      .bias_dropout_forward = Wrapped<&BlockTable::bias_dropout_forward>::value,
      .bias_dropout_backward = Wrapped<&BlockTable::bias_dropout_backward>::value,
      .dropout_add_layer_norm_forward = Wrapped<&BlockTable::dropout_add_layer_norm_forward>::value,
      .dropout_add_layer_norm_backward =
          Wrapped<&BlockTable::dropout_add_layer_norm_backward>::value,
      .attention_forward = Wrapped<&BlockTable::attention_forward>::value,
      .attention_backward = Wrapped<&BlockTable::attention_backward>::value,
      .embedding_forward = Wrapped<&BlockTable::embedding_forward>::value,
      .embedding_backward = Wrapped<&BlockTable::embedding_backward>::value,
      .add_column_sums = Wrapped<&BlockTable::add_column_sums>::value,
      .accumulate = Wrapped<&BlockTable::accumulate>::value,
      .quantize_rows = Wrapped<&BlockTable::quantize_rows>::value,
      .scale_rows = Wrapped<&BlockTable::scale_rows>::value,
      .bert_adam_step = bert_adam_step_on_host,
  };
  return table;
}

int64_t replays = 0;

class KeptWork : public RecordedWork {
 public:
  explicit KeptWork(std::function<void()> work) : work_(std::move(work)) {}
  void replay() override {
    ++replays;
    work_();
  }

 private:
  std::function<void()> work_;
};

class PretendAccelerator : public Accelerator {
 public:
  c10::DeviceType type() const override { return kType; }
  int device_count() const override { return num_devices(); }
  AcceleratorInfo info(int index) const override {
    const int number = number_from_environment("PALS_PRETEND_FIRST", 0) + index;
    return {"a pretence", concat("pretence-", number), static_cast<int64_t>(kReserved),
            static_cast<int64_t>(Memory::instance().free_bytes())};
  }
  const BlockTable& blocks() const override { return pretend_blocks(); }
  void synchronize(int) const override {}
  std::unique_ptr<RecordedWork> record(int, const std::function<void()>& work) const override {
    return std::make_unique<KeptWork>(work);
  }
  c10::intrusive_ptr<c10d::Backend> join_ranks(int index,
                                               const c10::intrusive_ptr<c10d::Store>& store,
                                               int rank, int size) const override {
    usual = static_cast<c10::DeviceIndex>(index);
    return c10::make_intrusive<StoreRanks>(store, rank, size);
  }
};

}  // namespace

C10_REGISTER_GUARD_IMPL(PrivateUse1, PretendGuard);

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_host>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", &empty);
  m.impl("empty_strided", &empty_strided);
  m.impl("_copy_from", &copy_from);
  m.impl("resize_", &resize);
  m.impl("as_strided", &at::native::as_strided_tensorimpl);
  m.impl("view",
         static_cast<at::Tensor (*)(const at::Tensor&, at::IntArrayRef)>(&at::native::view));
  m.impl("_reshape_alias", &at::native::_reshape_alias);
}

Accelerator* pretend_accelerator() {
  static PretendAccelerator accelerator;
  static const bool registered = [] {
    c10::SetAllocator(kType, &allocator());
    return true;
  }();
  return registered ? &accelerator : nullptr;
}

at::Device pretend_device() {
  static const bool registered = [] {
    add_accelerator(pretend_accelerator());
    return true;
  }();
  return registered ? at::Device(kType, 0) : at::Device(at::kCPU);
}

void set_free_memory(int64_t bytes) {
  Memory::instance().set_free_bytes(static_cast<size_t>(bytes));
}

int64_t num_replays() { return replays; }

}  // namespace pals::testing
