// Collectives of the simulated device's ranks: through the store that they meet in, one after the
// other.
#pragma once

#include <ATen/ATen.h>

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace pals::testing {

/// What pals::World asks of a backend, for tensors on any device but of one rank's.
class StoreRanks : public c10d::Backend {
 public:
  StoreRanks(c10::intrusive_ptr<c10d::Store> store, int rank, int size);

  const std::string getBackendName() const override { return "store"; }
  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor>& tensors,
                                           const c10d::AllreduceOptions& options) override;
  c10::intrusive_ptr<c10d::Work> reduce(std::vector<at::Tensor>& tensors,
                                        const c10d::ReduceOptions& options) override;
  c10::intrusive_ptr<c10d::Work> broadcast(std::vector<at::Tensor>& tensors,
                                           const c10d::BroadcastOptions& options) override;
  c10::intrusive_ptr<c10d::Work> send(std::vector<at::Tensor>& tensors, int to, int tag) override;
  c10::intrusive_ptr<c10d::Work> recv(std::vector<at::Tensor>& tensors, int from, int tag) override;

 private:
  /// All ranks' tensors, on the host.
  std::vector<at::Tensor> exchange(const at::Tensor& own);

  c10::intrusive_ptr<c10d::Store> store_;
  int64_t count_ = 0;                     // of exchanges
  std::vector<int64_t> sent_, received_;  // to and from each rank
};

}  // namespace pals::testing
