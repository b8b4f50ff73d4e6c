#include "kernels/tensor_memory.h"

#include <c10/core/CPUAllocator.h>
#include <unistd.h>

#include "base/region.h"

namespace pals {
namespace {

// Addresses for as much as the machine has: what does not fit goes to LibTorch's own allocator, and
// fails there.
size_t physical_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? static_cast<size_t>(pages) * static_cast<size_t>(page) : 0;
}

class RegionAllocator final : public c10::Allocator {
 public:
  explicit RegionAllocator(c10::Allocator& other) : other_(other), region_(physical_memory()) {}

  c10::DataPtr allocate(size_t bytes) override {
    void* data = bytes < kSmallestInRegion ? nullptr : region_.take(bytes);
    if (data == nullptr) data = other_.raw_allocate(bytes);
    return {data, data, raw_deleter(), c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override;
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  void give_back(void* data) {
    region_.holds(data) ? region_.give_back(data) : other_.raw_deallocate(data);
  }
  void release_pages() { region_.release_pages(); }

 private:
  c10::Allocator& other_;
  Region region_;
};

RegionAllocator* allocator = nullptr;  // lives until the process ends, as tensors may

c10::DeleterFnPtr RegionAllocator::raw_deleter() const {
  return [](void* data) { allocator->give_back(data); };
}

bool sanitized() {
#ifdef __SANITIZE_ADDRESS__
  return true;
#else
  return false;
#endif
}

}  // namespace

void keep_tensor_memory() {
  if (allocator != nullptr || sanitized()) return;
  allocator = new RegionAllocator(*c10::GetCPUAllocator());
  c10::SetCPUAllocator(allocator, 1);
}

void release_tensor_memory() {
  if (allocator != nullptr) allocator->release_pages();
}

}  // namespace pals
