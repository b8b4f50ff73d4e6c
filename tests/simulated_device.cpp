#include "simulated_device.h"

#include <ATen/EmptyTensor.h>
#include <ATen/native/TensorFactories.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "base/device_rows.h"
#include "base/error.h"
#include "kernels/device.h"
#include "simulated_blocks.h"
#include "simulated_memory.h"
#include "store_ranks.h"

namespace pals::testing {
namespace {

/// The thread's usual device.
thread_local c10::DeviceIndex usual = 0;

int number_from_environment(const char* name, int fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::atoi(text);
}
int num_devices() { return number_from_environment("PALS_SIMULATED_DEVICES", 1); }

class SimulatedAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* memory = bytes > 0 ? SimulatedMemory::instance().allocate(bytes) : nullptr;
    return {memory, memory, &release, c10::Device(kSimulatedType, usual)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    const Running running;
    default_copy_data(to, from, bytes);
  }

 private:
  static void release(void* memory) {
    if (memory != nullptr) SimulatedMemory::instance().release(memory);
  }
};

SimulatedAllocator& allocator() {
  static auto* one = new SimulatedAllocator;
  return *one;
}

struct SimulatedGuard : c10::impl::NoOpDeviceGuardImpl<kSimulatedType> {
  c10::Device exchangeDevice(c10::Device device) const override {
    return {kSimulatedType, std::exchange(usual, device.has_index() ? device.index() : usual)};
  }
  c10::Device getDevice() const override { return {kSimulatedType, usual}; }
  void setDevice(c10::Device device) const override { usual = device.index(); }
  void uncheckedSetDevice(c10::Device device) const noexcept override { usual = device.index(); }
  c10::DeviceIndex deviceCount() const noexcept override {
    return static_cast<c10::DeviceIndex>(num_devices());
  }
  c10::Stream getStream(c10::Device device) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, device);
  }
};

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
                  " gives a view, which the simulated device does not know");
    }
    return to_device(result, device_.value_or(c10::Device(kSimulatedType, usual)));
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
    TORCH_CHECK(is_simulated(x) || x.dim() == 0, op_.schema().name(), " mixes devices");
    at::Tensor aliased = as_host(x);
    if (!is_simulated(x)) return aliased;
    set_device(x.device());
    pairs_.emplace_back(x, aliased);
    return aliased;
  }

  void set_device(c10::Device device) {
    if (device.type() != kSimulatedType || !device.has_index()) return;
    TORCH_CHECK(!device_ || *device_ == device, op_.schema().name(), " mixes devices");
    device_ = device;
  }

  const c10::OperatorHandle& op_;
  std::optional<c10::Device> device_;  // of the call's tensors
  std::vector<std::pair<at::Tensor, at::Tensor>> pairs_;
};

int64_t unaligned_products = 0;

bool is_unaligned(const at::Tensor& x) {
  if (x.dim() != 2 || x.element_size() != 2 || x.size(0) < 2 || x.size(1) < 2) return false;
  return std::max(x.stride(0), x.stride(1)) % kDeviceRowMultiple != 0;
}

void count_product(std::initializer_list<at::Tensor> operands) {
  if (std::any_of(operands.begin(), operands.end(), is_unaligned)) ++unaligned_products;
}

// The operands are the last tensors of the call, mm(left, right) and addmm(sum, left, right).
void count_if_product(const c10::OperatorHandle& op, const torch::jit::Stack& stack) {
  const std::string& name = op.schema().name();
  const bool adds = name == "aten::addmm" || name == "aten::addmm_";
  if (name != "aten::mm" && !adds) return;
  const size_t first = stack.size() - op.schema().arguments().size() + (adds ? 1 : 0);
  count_product({stack[first].toTensor(), stack[first + 1].toTensor()});
}

void run_on_host(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  count_if_product(op, *stack);
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

/// bf16 or fp16 times the same into fp32, which only devices have; rounded as the CPU's.
at::Tensor& addmm_in_floats(const at::Tensor& sum, const at::Tensor& left, const at::Tensor& right,
                            at::ScalarType type, const at::Scalar& beta, const at::Scalar& alpha,
                            at::Tensor& out) {
  TORCH_CHECK(type == at::kFloat && out.scalar_type() == type && sum.scalar_type() == type &&
                  left.element_size() == 2 && right.scalar_type() == left.scalar_type(),
              "addmm.dtype_out: of ", left.scalar_type(), " into ", type);
  count_product({left, right});
  const Running running;
  const at::Tensor product = at::mm(as_host(left), as_host(right)).to(type);
  as_host(out).copy_(as_host(sum) * beta + product * alpha);
  return out;
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

int64_t beside = 0;

/// Works as late as it may, so that what is changed or read too early shows.
class LateStream : public SideStream {
 public:
  void run(std::function<void()> work) override {
    ++beside;
    running_.push_back(std::move(work));
  }
  void settle() override {
    for (const std::function<void()>& work : settling_) work();
    settling_ = std::exchange(running_, {});
  }

 private:
  std::vector<std::function<void()>> running_, settling_;
};

class SimulatedAccelerator : public Accelerator {
 public:
  c10::DeviceType type() const override { return kSimulatedType; }
  int device_count() const override { return num_devices(); }
  AcceleratorInfo info(int index) const override {
    const int number = number_from_environment("PALS_SIMULATED_FIRST", 0) + index;
    return {"a pretence", concat("pretence-", number), static_cast<int64_t>(kSimulatedBytes),
            static_cast<int64_t>(SimulatedMemory::instance().free_bytes())};
  }
  const Backend& backend() const override { return simulated_backend(); }
  void synchronize(int) const override {}
  std::unique_ptr<RecordedWork> record(int, const std::function<void()>& work) const override {
    return std::make_unique<KeptWork>(work);
  }
  std::unique_ptr<SideStream> side_stream(int) const override {
    return std::make_unique<LateStream>();
  }
  c10::intrusive_ptr<c10d::Backend> join_ranks(int index,
                                               const c10::intrusive_ptr<c10d::Store>& store,
                                               int rank, int size) const override {
    usual = static_cast<c10::DeviceIndex>(index);
    return c10::make_intrusive<StoreRanks>(store, rank, size);
  }
};

}  // namespace

C10_REGISTER_GUARD_IMPL(PrivateUse1, SimulatedGuard);

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_host>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", &empty);
  m.impl("empty_strided", &empty_strided);
  m.impl("_copy_from", &copy_from);
  m.impl("resize_", &resize);
  m.impl("addmm.dtype_out", &addmm_in_floats);
  m.impl("as_strided", &at::native::as_strided_tensorimpl);
  m.impl("view",
         static_cast<at::Tensor (*)(const at::Tensor&, at::IntArrayRef)>(&at::native::view));
  m.impl("_reshape_alias", &at::native::_reshape_alias);
}

Accelerator* simulated_accelerator() {
  static SimulatedAccelerator accelerator;
  static const bool registered = [] {
    c10::SetAllocator(kSimulatedType, &allocator());
    return true;
  }();
  return registered ? &accelerator : nullptr;
}

at::Device simulated_device() {
  static const bool registered = [] {
    add_accelerator(simulated_accelerator());
    return true;
  }();
  return registered ? at::Device(kSimulatedType, 0) : at::Device(at::kCPU);
}

void set_free_memory(int64_t bytes) {
  SimulatedMemory::instance().set_free_bytes(static_cast<size_t>(bytes));
}

int64_t num_replays() { return replays; }

int64_t num_beside() { return beside; }

int64_t num_unaligned_products() { return unaligned_products; }

}  // namespace pals::testing
