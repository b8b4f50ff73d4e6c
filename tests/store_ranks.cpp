#include "store_ranks.h"

#include <cstring>

#include "base/error.h"

namespace pals::testing {
namespace {

class DoneWork : public c10d::Work {
 public:
  DoneWork() { finish(); }
};

c10::intrusive_ptr<c10d::Work> done() { return c10::make_intrusive<DoneWork>(); }

std::vector<uint8_t> bytes_of(const at::Tensor& tensor) {
  TORCH_CHECK(tensor.is_contiguous(), "StoreRanks: contiguous tensors only");
  const at::Tensor here = tensor.cpu();
  const auto* data = static_cast<const uint8_t*>(here.const_data_ptr());
  return {data, data + here.nbytes()};
}

at::Tensor tensor_of(const std::vector<uint8_t>& bytes, const at::Tensor& like) {
  at::Tensor tensor = at::empty(like.sizes(), at::TensorOptions(like.scalar_type()));
  TORCH_CHECK(tensor.nbytes() == bytes.size(), "StoreRanks: ranks differ in their tensors");
  std::memcpy(tensor.mutable_data_ptr(), bytes.data(), bytes.size());
  return tensor;
}

}  // namespace

StoreRanks::StoreRanks(c10::intrusive_ptr<c10d::Store> store, int rank, int size)
    : Backend(rank, size),
      store_(std::move(store)),
      sent_(static_cast<size_t>(size)),
      received_(static_cast<size_t>(size)) {}

std::vector<at::Tensor> StoreRanks::exchange(const at::Tensor& own) {
  const auto key = [](int64_t number, int rank) { return concat("ranks/", number, "/", rank); };
  store_->set(key(count_, getRank()), bytes_of(own));
  std::vector<at::Tensor> all;
  for (int rank = 0; rank < getSize(); ++rank) {
    all.push_back(tensor_of(store_->get(key(count_, rank)), own));
  }
  // Whoever takes part in this exchange has read the one before.
  if (count_ > 0) store_->deleteKey(key(count_ - 1, getRank()));
  ++count_;
  return all;
}

c10::intrusive_ptr<c10d::Work> StoreRanks::allreduce(std::vector<at::Tensor>& tensors,
                                                     const c10d::AllreduceOptions& options) {
  TORCH_CHECK(options.reduceOp == c10d::ReduceOp::SUM, "StoreRanks: only sums");
  const std::vector<at::Tensor> all = exchange(tensors.front());
  at::Tensor sum = all.front().clone();
  for (size_t rank = 1; rank < all.size(); ++rank) sum.add_(all[rank]);
  tensors.front().copy_(sum);
  return done();
}

c10::intrusive_ptr<c10d::Work> StoreRanks::reduce(std::vector<at::Tensor>& tensors,
                                                  const c10d::ReduceOptions& options) {
  std::vector<at::Tensor> sums = {tensors.front().clone()};
  allreduce(sums, c10d::AllreduceOptions());
  // What other ranks are left with must not be used.
  if (options.rootRank == getRank()) {
    tensors.front().copy_(sums.front());
  } else {
    tensors.front().fill_(7);
  }
  return done();
}

c10::intrusive_ptr<c10d::Work> StoreRanks::broadcast(std::vector<at::Tensor>& tensors,
                                                     const c10d::BroadcastOptions& options) {
  const std::vector<at::Tensor> all = exchange(tensors.front());
  tensors.front().copy_(all[static_cast<size_t>(options.rootRank)]);
  return done();
}

c10::intrusive_ptr<c10d::Work> StoreRanks::send(std::vector<at::Tensor>& tensors, int to, int) {
  const int64_t number = sent_[static_cast<size_t>(to)]++;
  store_->set(concat("sent/", getRank(), "/", to, "/", number), bytes_of(tensors.front()));
  return done();
}

c10::intrusive_ptr<c10d::Work> StoreRanks::recv(std::vector<at::Tensor>& tensors, int from, int) {
  const int64_t number = received_[static_cast<size_t>(from)]++;
  const std::string key = concat("sent/", from, "/", getRank(), "/", number);
  tensors.front().copy_(tensor_of(store_->get(key), tensors.front()));
  store_->deleteKey(key);
  return done();
}

}  // namespace pals::testing
