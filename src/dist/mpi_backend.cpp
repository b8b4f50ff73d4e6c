#include "dist/mpi_backend.h"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/text_util.h"
#include "dist/heartbeat.h"
#include "dist/load_mpi.h"

namespace pals {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 30;  // of one MPI call, whose counts are ints

bool running = false;  // between MPI_Init_thread and MPI_Finalize

// The others would wait for a rank that leaves early.
void abort_if_running(int status, void*) {
  if (running) loaded_mpi().calls->abort(status == 0 ? 1 : status);
}

// Through fp32.
void add_bf16(const void* from, void* to, int count) {
  const auto* added = static_cast<const c10::BFloat16*>(from);
  auto* sums = static_cast<c10::BFloat16*>(to);
  for (int i = 0; i < count; ++i) {
    sums[i] = static_cast<float>(added[i]) + static_cast<float>(sums[i]);
  }
}

MpiType mpi_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return MpiType::kFloat;
    case at::kDouble:
      return MpiType::kDouble;
    case at::kLong:
      return MpiType::kInt64;
    case at::kByte:
      return MpiType::kUint8;
    case at::kBFloat16:
      return MpiType::kBfloat16;
    default:
      TORCH_CHECK(false, "MPI backend: no collectives over ", type);
  }
}

class MpiWork : public c10d::Work {
 public:
  MpiWork(int rank, c10d::OpType type) : Work(rank, type) {}

  void run(const std::function<void()>& call) {
    const auto began = std::chrono::steady_clock::now();
    std::exception_ptr error;
    try {
      call();
    } catch (...) {
      error = std::current_exception();
    }
    milliseconds_ =
        std::chrono::duration<float, std::milli>(std::chrono::steady_clock::now() - began).count();
    finish(error);
  }

  float getDuration() const override { return milliseconds_; }

 private:
  float milliseconds_ = 0.0F;
};

/// Runs calls one after the other.
class Worker {
 public:
  Worker() : thread_([this](const std::stop_token& stop) { run(stop); }) {}

  void add(c10::intrusive_ptr<MpiWork> work, std::function<void()> call) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back({std::move(work), std::move(call)});
    }
    changed_.notify_one();
  }

 private:
  struct Entry {
    c10::intrusive_ptr<MpiWork> work;
    std::function<void()> call;
  };

  void run(const std::stop_token& stop) {
    while (true) {
      Entry entry;
      {
        std::unique_lock lock(mutex_);
        if (!changed_.wait(lock, stop, [this] { return !queue_.empty(); })) return;
        entry = std::move(queue_.front());
        queue_.pop_front();
      }
      entry.work->run(entry.call);
    }
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Entry> queue_;
  std::jthread thread_;  // last: it uses all of the above
};

class MpiBackend : public c10d::Backend {
 public:
  MpiBackend(const MpiCalls& mpi, int rank, int size)
      : Backend(rank, size),
        mpi_(mpi),
        worker_(std::make_unique<Worker>()),
        heartbeat_(std::make_unique<Heartbeat>(mpi, rank, size)) {
    check_mpi(mpi_.define_bf16(add_bf16), "MPI_Op_create");
  }

  ~MpiBackend() override {
    if (std::uncaught_exceptions() > 0) {
      // Collectives may be under way that never end. They live on until abort_if_running().
      static_cast<void>(worker_.release());
      static_cast<void>(heartbeat_.release());
      return;
    }
    worker_.reset();
    heartbeat_.reset();
    mpi_.forget_bf16();
    mpi_.finalize();
    running = false;
  }

  const std::string getBackendName() const override { return "mpi"; }

  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor>& tensors,
                                           const c10d::AllreduceOptions& options) override {
    TORCH_CHECK(options.reduceOp == c10d::ReduceOp::SUM, "only sums");
    return start(c10d::OpType::ALLREDUCE, tensors, [this](void* data, int count, MpiType type) {
      check_mpi(mpi_.sum(data, count, type), "MPI_Allreduce");
    });
  }

  c10::intrusive_ptr<c10d::Work> reduce(std::vector<at::Tensor>& tensors,
                                        const c10d::ReduceOptions& options) override {
    TORCH_CHECK(options.reduceOp == c10d::ReduceOp::SUM, "only sums");
    const int root = static_cast<int>(options.rootRank);
    const int is_root = root == getRank() ? 1 : 0;
    return start(c10d::OpType::REDUCE, tensors, [=, this](void* data, int count, MpiType type) {
      check_mpi(mpi_.sum_at(data, count, type, root, is_root), "MPI_Reduce");
    });
  }

  c10::intrusive_ptr<c10d::Work> broadcast(std::vector<at::Tensor>& tensors,
                                           const c10d::BroadcastOptions& options) override {
    const int root = static_cast<int>(options.rootRank);
    return start(c10d::OpType::BROADCAST, tensors, [=, this](void* data, int count, MpiType type) {
      check_mpi(mpi_.broadcast(data, count, type, root), "MPI_Bcast");
    });
  }

  c10::intrusive_ptr<c10d::Work> send(std::vector<at::Tensor>& tensors, int to, int tag) override {
    return start(c10d::OpType::SEND, tensors, [=, this](void* data, int count, MpiType type) {
      check_mpi(mpi_.send(data, count, type, to, tag), "MPI_Send");
    });
  }

  c10::intrusive_ptr<c10d::Work> recv(std::vector<at::Tensor>& tensors, int from,
                                      int tag) override {
    return start(c10d::OpType::RECV, tensors, [=, this](void* data, int count, MpiType type) {
      check_mpi(mpi_.receive(data, count, type, from, tag), "MPI_Recv");
    });
  }

 private:
  template <typename Call>
  c10::intrusive_ptr<c10d::Work> start(c10d::OpType kind, const std::vector<at::Tensor>& tensors,
                                       Call call) {
    for (const at::Tensor& tensor : tensors) {
      TORCH_CHECK(tensor.is_contiguous() && tensor.device().is_cpu(),
                  "MPI backend: contiguous tensors on the CPU only");
      mpi_type(tensor.scalar_type());
    }
    auto work = c10::make_intrusive<MpiWork>(getRank(), kind);
    worker_->add(work, [tensors, call] {
      for (const at::Tensor& tensor : tensors) {
        const MpiType type = mpi_type(tensor.scalar_type());
        auto* data = static_cast<char*>(tensor.mutable_data_ptr());
        for (int64_t first = 0; first < tensor.numel(); first += kMostElements) {
          const int64_t count = std::min(kMostElements, tensor.numel() - first);
          call(data + first * tensor.element_size(), static_cast<int>(count), type);
        }
      }
    });
    return work;
  }

  const MpiCalls& mpi_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<Heartbeat> heartbeat_;
};

// Open MPI itself would say so in thirty lines.
void check_srun(const MpiCalls& mpi, const Launch& launch) {
  const bool by_srun = launch.launcher != "mpirun" && std::getenv("SLURM_PROCID") != nullptr;
  if (mpi.open_mpi != 0 && by_srun && std::getenv("PMIX_RANK") == nullptr) {
    fail_usage("srun started ", counted(launch.size, "rank"),
               " without PMIx, by which Open MPI's ranks find ",
               "each other: start them with srun --mpi=pmix (srun --mpi=list shows whether it is ",
               "there) or with mpirun");
  }
}

}  // namespace

c10::intrusive_ptr<c10d::Backend> start_mpi(const Launch& launch) {
  if (loaded_mpi().calls == nullptr) {
    fail_usage("started by ", launch.launcher, " as one of ", counted(launch.size, "rank"),
               ", but ", loaded_mpi().problem);
  }
  const MpiCalls& mpi = *loaded_mpi().calls;
  check_srun(mpi, launch);
  // The thread that communicates shall not take a core from those that compute.
  setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
  int threads = 0, rank = 0, size = 0;
  check_mpi(mpi.init(&threads), "MPI_Init_thread");
  running = true;
  on_exit(abort_if_running, nullptr);
  if (threads == 0) {
    fail("this MPI allows no calls from several threads (MPI_THREAD_MULTIPLE)");
  }
  check_mpi(mpi.place(&rank, &size), "MPI_Comm_rank");
  if (size != launch.size || rank != launch.rank) {
    fail_usage(launch.launcher, " says rank ", launch.rank, " of ", launch.size,
               ", but MPI says rank ", rank, " of ", size,
               ": start with the mpirun of the MPI that pals was built with, or srun --mpi=pmix");
  }
  return c10::make_intrusive<MpiBackend>(mpi, rank, size);
}

}  // namespace pals
