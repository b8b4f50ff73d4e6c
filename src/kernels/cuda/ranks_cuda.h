// GPUs of many processes, joined by NCCL.
#pragma once

#include <c10/util/intrusive_ptr.h>

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace pals::cuda {

/// Accelerator::join_ranks: LibTorch's own backend for GPUs; null in a build without NCCL's header.
c10::intrusive_ptr<c10d::Backend> join_ranks(int index,
                                             const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                             int size);

}  // namespace pals::cuda
