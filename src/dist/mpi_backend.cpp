#include "dist/mpi_backend.h"

#include "base/error.h"
#include "dist/local_start.h"

#ifdef PALS_MPI
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "dist/heartbeat.h"
#include "dist/mpi.h"
#endif

namespace pals {

#ifndef PALS_MPI

std::string mpi_library() { return ""; }

c10::intrusive_ptr<c10d::Backend> start_mpi(const Launch& launch) {
  fail_usage("started by ", launch.launcher, " as one of ", launch.size, " ranks", kNoMpi);
}

#else

void check_mpi(int status, const char* call) {
  if (status == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(status, text, &length);
  fail(call, ": ", std::string(text, static_cast<size_t>(length)));
}

namespace {

constexpr int64_t kMostElements = int64_t{1} << 30;  // of one MPI call, whose counts are ints

bool running = false;  // between MPI_Init_thread and MPI_Finalize

// The others would wait for a rank that leaves early.
void abort_if_running(int status, void*) {
  if (running) MPI_Abort(MPI_COMM_WORLD, status == 0 ? 1 : status);
}

// MPI has no bf16: sums of 16-bit words through fp32.
void add_bf16(void* in, void* inout, int* length, MPI_Datatype*) {
  const auto* from = static_cast<const c10::BFloat16*>(in);
  auto* to = static_cast<c10::BFloat16*>(inout);
  for (int i = 0; i < *length; ++i) {
    to[i] = static_cast<float>(to[i]) + static_cast<float>(from[i]);
  }
}

struct ElementType {
  MPI_Datatype type;
  MPI_Op sum;
};

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
  MpiBackend(int rank, int size)
      : Backend(rank, size),
        worker_(std::make_unique<Worker>()),
        heartbeat_(std::make_unique<Heartbeat>()) {
    check_mpi(MPI_Op_create(add_bf16, 1, &bf16_sum_), "MPI_Op_create");
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
    MPI_Op_free(&bf16_sum_);
    MPI_Finalize();
    running = false;
  }

  const std::string getBackendName() const override { return "mpi"; }

  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor>& tensors,
                                           const c10d::AllreduceOptions& options) override {
    TORCH_CHECK(options.reduceOp == c10d::ReduceOp::SUM, "only sums");
    return start(c10d::OpType::ALLREDUCE, tensors, [](void* data, int count, ElementType type) {
      check_mpi(MPI_Allreduce(MPI_IN_PLACE, data, count, type.type, type.sum, MPI_COMM_WORLD),
                "MPI_Allreduce");
    });
  }

  c10::intrusive_ptr<c10d::Work> reduce(std::vector<at::Tensor>& tensors,
                                        const c10d::ReduceOptions& options) override {
    TORCH_CHECK(options.reduceOp == c10d::ReduceOp::SUM, "only sums");
    const int root = static_cast<int>(options.rootRank);
    const bool mine = root == getRank();
    return start(c10d::OpType::REDUCE, tensors, [=](void* data, int count, ElementType type) {
      check_mpi(MPI_Reduce(mine ? MPI_IN_PLACE : data, mine ? data : nullptr, count, type.type,
                           type.sum, root, MPI_COMM_WORLD),
                "MPI_Reduce");
    });
  }

  c10::intrusive_ptr<c10d::Work> broadcast(std::vector<at::Tensor>& tensors,
                                           const c10d::BroadcastOptions& options) override {
    const int root = static_cast<int>(options.rootRank);
    return start(c10d::OpType::BROADCAST, tensors, [=](void* data, int count, ElementType type) {
      check_mpi(MPI_Bcast(data, count, type.type, root, MPI_COMM_WORLD), "MPI_Bcast");
    });
  }

  c10::intrusive_ptr<c10d::Work> send(std::vector<at::Tensor>& tensors, int to, int tag) override {
    return start(c10d::OpType::SEND, tensors, [=](void* data, int count, ElementType type) {
      check_mpi(MPI_Send(data, count, type.type, to, tag, MPI_COMM_WORLD), "MPI_Send");
    });
  }

  c10::intrusive_ptr<c10d::Work> recv(std::vector<at::Tensor>& tensors, int from,
                                      int tag) override {
    return start(c10d::OpType::RECV, tensors, [=](void* data, int count, ElementType type) {
      check_mpi(MPI_Recv(data, count, type.type, from, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE),
                "MPI_Recv");
    });
  }

 private:
  ElementType element_type(at::ScalarType type) const {
    switch (type) {
      case at::kFloat:
        return {MPI_FLOAT, MPI_SUM};
      case at::kDouble:
        return {MPI_DOUBLE, MPI_SUM};
      case at::kLong:
        return {MPI_INT64_T, MPI_SUM};
      case at::kByte:
        return {MPI_UINT8_T, MPI_SUM};
      case at::kBFloat16:
        return {MPI_UINT16_T, bf16_sum_};
      default:
        TORCH_CHECK(false, "MPI backend: no collectives over ", type);
    }
  }

  template <typename Call>
  c10::intrusive_ptr<c10d::Work> start(c10d::OpType kind, const std::vector<at::Tensor>& tensors,
                                       Call call) {
    for (const at::Tensor& tensor : tensors) {
      TORCH_CHECK(tensor.is_contiguous() && tensor.device().is_cpu(),
                  "MPI backend: contiguous tensors on the CPU only");
      element_type(tensor.scalar_type());
    }
    auto work = c10::make_intrusive<MpiWork>(getRank(), kind);
    worker_->add(work, [this, tensors, call] {
      for (const at::Tensor& tensor : tensors) {
        const ElementType type = element_type(tensor.scalar_type());
        auto* data = static_cast<char*>(tensor.mutable_data_ptr());
        for (int64_t first = 0; first < tensor.numel(); first += kMostElements) {
          const int64_t count = std::min(kMostElements, tensor.numel() - first);
          call(data + first * tensor.element_size(), static_cast<int>(count), type);
        }
      }
    });
    return work;
  }

  MPI_Op bf16_sum_ = MPI_OP_NULL;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<Heartbeat> heartbeat_;
};

}  // namespace

std::string mpi_library() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string library(text, static_cast<size_t>(length));
  return library.substr(0, library.find_first_of(",\n"));
}

// Open MPI itself would say so in thirty lines.
void check_srun(const Launch& launch) {
#ifdef OPEN_MPI
  const bool by_srun = launch.launcher != "mpirun" && std::getenv("SLURM_PROCID") != nullptr;
  if (by_srun && std::getenv("PMIX_RANK") == nullptr) {
    fail_usage("srun started ", launch.size, " ranks without PMIx, by which Open MPI's ranks find ",
               "each other: start them with srun --mpi=pmix (srun --mpi=list shows whether it is ",
               "there) or with mpirun");
  }
#else
  static_cast<void>(launch);
#endif
}

c10::intrusive_ptr<c10d::Backend> start_mpi(const Launch& launch) {
  check_srun(launch);
  // The thread that communicates shall not take a core from those that compute.
  setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
  int provided = 0, rank = 0, size = 0;
  check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
  running = true;
  on_exit(abort_if_running, nullptr);
  if (provided < MPI_THREAD_MULTIPLE) {
    fail("this MPI allows no calls from several threads (MPI_THREAD_MULTIPLE)");
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &size), "MPI_Comm_size");
  if (size != launch.size || rank != launch.rank) {
    fail_usage(launch.launcher, " says rank ", launch.rank, " of ", launch.size,
               ", but MPI says rank ", rank, " of ", size,
               ": start with the mpirun of the MPI that pals was built with, or srun --mpi=pmix");
  }
  return c10::make_intrusive<MpiBackend>(rank, size);
}

#endif

}  // namespace pals
