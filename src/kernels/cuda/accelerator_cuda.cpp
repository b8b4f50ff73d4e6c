// The accelerator of NVIDIA's GPUs: what libpals_cuda.so brings.
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/accelerator.h"
#include "kernels/cuda/backend_cuda.h"
#include "kernels/cuda/ranks_cuda.h"

namespace pals {

void cuda::on_device(const at::Tensor& x, const char* block, c10::function_ref<void(Stream)> work) {
  TORCH_CHECK(x.is_cuda(), block, ": want tensors on a GPU, got one on ", x.device());
  const c10::cuda::CUDAGuard guard(x.device());
  work(c10::cuda::getCurrentCUDAStream(x.device().index()).stream());
  const cudaError_t error = cudaGetLastError();
  TORCH_CHECK(error == cudaSuccess, block, ": ", cudaGetErrorString(error));
}

namespace {

/// The streams that a device's work is recorded on: one of each use, since LibTorch keeps a
/// workspace of cuBLAS for each stream that it has seen, of 32 MiB on Hopper.
enum class StreamUse { kRecording, kBeside };
c10::cuda::CUDAStream stream_for(StreamUse use, int index) {
  static std::mutex mutex;
  static std::map<std::pair<StreamUse, int>, c10::cuda::CUDAStream> streams;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto known = streams.find({use, index});
  if (known != streams.end()) return known->second;
  const auto device = static_cast<c10::DeviceIndex>(index);
  const c10::cuda::CUDAStream stream = c10::cuda::getStreamFromPool(false, device);
  return streams.emplace(std::pair(use, index), stream).first->second;
}

/// A CUDA graph of one stream's work.
class RecordedGraph : public RecordedWork {
 public:
  RecordedGraph(int index, const std::function<void()>& work)
      : stream_(stream_for(StreamUse::kRecording, index)) {
    // Recording needs a stream of its own, behind all that has been given to the usual one.
    const c10::cuda::CUDAGuard device(static_cast<c10::DeviceIndex>(index));
    c10::cuda::device_synchronize();
    const c10::cuda::CUDAStreamGuard guard(stream_);
    // Other threads may go on to prepare batches: the mode leaves their calls alone.
    graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      try {
        graph_.capture_end();
      } catch (const c10::Error&) {  // that the recording is void, which the first error explains
      }
      throw;
    }
    graph_.capture_end();
  }

  void replay() override {
    const c10::cuda::CUDAGuard device(stream_.device_index());
    graph_.replay();  // on the current stream
  }

 private:
  c10::cuda::CUDAStream stream_;
  at::cuda::CUDAGraph graph_;
};

/// A branch of the graph that is recorded. LibTorch's allocator gives memory that is let go of to
/// the next who asks on the same stream, so tensors are kept until that stream has waited.
class GraphBranch : public SideStream {
 public:
  explicit GraphBranch(int index) : stream_(stream_for(StreamUse::kBeside, index)) {}

  void run(std::function<void()> work) override {
    at::cuda::CUDAEvent given;
    given.record(usual_stream());
    given.block(stream_);
    {
      const c10::cuda::CUDAStreamGuard guard(stream_);
      work();
    }
    running_.push_back(std::move(work));
  }

  void settle() override {
    if (mark_) mark_->block(usual_stream());
    settling_.clear();
    mark_.reset();
    if (running_.empty()) return;
    mark_.emplace();
    mark_->record(stream_);
    settling_ = std::exchange(running_, {});
  }

 private:
  c10::cuda::CUDAStream usual_stream() const {
    return c10::cuda::getCurrentCUDAStream(stream_.device_index());
  }

  c10::cuda::CUDAStream stream_;
  std::vector<std::function<void()>> running_, settling_;
  std::optional<at::cuda::CUDAEvent> mark_;  // behind settling_
};

class CudaAccelerator : public Accelerator {
 public:
  c10::DeviceType type() const override { return c10::DeviceType::CUDA; }

  int device_count() const override { return c10::cuda::device_count(); }

  AcceleratorInfo info(int index) const override {
    const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(index));
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, index));
    size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total));
    // What LibTorch's allocator holds without using it can be had as well.
    int64_t held = 0;
    if (auto* allocator = c10::cuda::CUDACachingAllocator::get(); allocator->initialized()) {
      const auto stats = allocator->getDeviceStats(static_cast<c10::DeviceIndex>(index));
      const auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
      held = stats.reserved_bytes[all].current - stats.allocated_bytes[all].current;
    }
    return {properties.name, id_of(properties), static_cast<int64_t>(total),
            static_cast<int64_t>(free) + held};
  }

  const Backend& backend() const override { return cuda::backend(); }

  void synchronize(int index) const override {
    const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(index));
    c10::cuda::device_synchronize();
  }

  std::unique_ptr<RecordedWork> record(int index,
                                       const std::function<void()>& work) const override {
    return std::make_unique<RecordedGraph>(index, work);
  }

  std::unique_ptr<SideStream> side_stream(int index) const override {
    return std::make_unique<GraphBranch>(index);
  }

  c10::intrusive_ptr<c10d::Backend> join_ranks(int index,
                                               const c10::intrusive_ptr<c10d::Store>& store,
                                               int rank, int size) const override {
    return cuda::join_ranks(index, store, rank, size);
  }

 private:
  // As nvidia-smi -L shows it.
  static std::string id_of(const cudaDeviceProp& properties) {
    constexpr const char* kDigits = "0123456789abcdef";
    std::string id = "GPU-";
    for (size_t i = 0; i < sizeof properties.uuid.bytes; ++i) {
      const auto byte = static_cast<unsigned char>(properties.uuid.bytes[i]);
      if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
      id += {kDigits[byte >> 4], kDigits[byte & 15]};
    }
    return id;
  }

  static void check(cudaError_t error) {
    TORCH_CHECK(error == cudaSuccess, "CUDA: ", cudaGetErrorString(error));
  }
};

}  // namespace
}  // namespace pals

extern "C" __attribute__((visibility("default"))) pals::Accelerator* pals_accelerator() {
  static pals::CudaAccelerator accelerator;
  return &accelerator;
}
