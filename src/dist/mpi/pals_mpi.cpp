// libpals_mpi.so: the calls of dist/mpi_calls.h, by the MPI that this file is compiled with. It
// needs nothing else of pals, so that a cluster's MPI is a matter of one command (docs/scaling.md).
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include "dist/mpi_calls.h"

namespace {

using pals::kMpiName;
using pals::MpiType;

static_assert(MPI_SUCCESS == 0 && MPI_MAX_PROCESSOR_NAME <= kMpiName &&
              MPI_MAX_LIBRARY_VERSION_STRING <= pals::kMpiText &&
              MPI_MAX_ERROR_STRING <= pals::kMpiText);

MPI_Op bf16_sum = MPI_OP_NULL;
void (*add_numbers)(const void*, void*, int) = nullptr;

struct {
  MPI_Comm comm = MPI_COMM_NULL;
  MPI_Request sending = MPI_REQUEST_NULL;
  int before = 0, next = 0;
} ring;

void library(char* text) {
  int length = 0;
  MPI_Get_library_version(text, &length);
}

void error_text(int status, char* text) {
  int length = 0;
  MPI_Error_string(status, text, &length);
}

int init(int* threads) {
  int provided = 0;
  const int status = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided);
  *threads = provided >= MPI_THREAD_MULTIPLE ? 1 : 0;
  return status != 0 ? status : MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
}

int place_in(MPI_Comm comm, int* rank, int* size) {
  const int status = MPI_Comm_rank(comm, rank);
  return status != 0 ? status : MPI_Comm_size(comm, size);
}

int place(int* rank, int* size) { return place_in(MPI_COMM_WORLD, rank, size); }

void finalize() { MPI_Finalize(); }

void abort_all(int status) { MPI_Abort(MPI_COMM_WORLD, status); }

void call_add(void* from, void* to, int* count, MPI_Datatype*) { add_numbers(from, to, *count); }

int define_bf16(void (*add)(const void* from, void* to, int count)) {
  add_numbers = add;
  return MPI_Op_create(call_add, 1, &bf16_sum);
}

void forget_bf16() { MPI_Op_free(&bf16_sum); }

MPI_Datatype datatype(MpiType type) {
  switch (type) {
    case MpiType::kFloat:
      return MPI_FLOAT;
    case MpiType::kDouble:
      return MPI_DOUBLE;
    case MpiType::kInt64:
      return MPI_INT64_T;
    case MpiType::kUint8:
      return MPI_UINT8_T;
    case MpiType::kBfloat16:
      return MPI_UINT16_T;
  }
  return MPI_DATATYPE_NULL;
}

MPI_Op sum_of(MpiType type) { return type == MpiType::kBfloat16 ? bf16_sum : MPI_SUM; }

int sum(void* data, int count, MpiType type) {
  return MPI_Allreduce(MPI_IN_PLACE, data, count, datatype(type), sum_of(type), MPI_COMM_WORLD);
}

int sum_at(void* data, int count, MpiType type, int root, int is_root) {
  return MPI_Reduce(is_root != 0 ? MPI_IN_PLACE : data, is_root != 0 ? data : nullptr, count,
                    datatype(type), sum_of(type), root, MPI_COMM_WORLD);
}

int broadcast(void* data, int count, MpiType type, int root) {
  return MPI_Bcast(data, count, datatype(type), root, MPI_COMM_WORLD);
}

int send(const void* data, int count, MpiType type, int to, int tag) {
  return MPI_Send(data, count, datatype(type), to, tag, MPI_COMM_WORLD);
}

int receive(void* data, int count, MpiType type, int from, int tag) {
  return MPI_Recv(data, count, datatype(type), from, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

int ring_open() {
  int rank = 0, size = 1;
  int status = MPI_Comm_dup(MPI_COMM_WORLD, &ring.comm);
  if (status == 0) status = place_in(ring.comm, &rank, &size);
  ring.before = (rank + size - 1) % size;
  ring.next = (rank + 1) % size;
  return status;
}

void ring_close() { MPI_Comm_free(&ring.comm); }

int ring_names(char* names) {
  char own[kMpiName] = {};
  int length = 0;
  MPI_Get_processor_name(own, &length);
  return MPI_Allgather(own, kMpiName, MPI_CHAR, names, kMpiName, MPI_CHAR, ring.comm);
}

void ring_send(const char* word) {
  MPI_Isend(word, 1, MPI_CHAR, ring.next, 0, ring.comm, &ring.sending);
}

void ring_sent(int* done) { MPI_Test(&ring.sending, done, MPI_STATUS_IGNORE); }

void ring_wait() { MPI_Wait(&ring.sending, MPI_STATUS_IGNORE); }

void ring_receive(char* word, int* any) {
  MPI_Iprobe(ring.before, 0, ring.comm, any, MPI_STATUS_IGNORE);
  if (*any != 0) MPI_Recv(word, 1, MPI_CHAR, ring.before, 0, ring.comm, MPI_STATUS_IGNORE);
}

#ifdef OPEN_MPI
constexpr int32_t kOpenMpi = 1;
#else
constexpr int32_t kOpenMpi = 0;
#endif

constexpr pals::MpiCalls kCalls = {
    .layout = pals::kMpiLayout,
    .open_mpi = kOpenMpi,
    .library = library,
    .error_text = error_text,
    .init = init,
    .place = place,
    .finalize = finalize,
    .abort = abort_all,
    .define_bf16 = define_bf16,
    .forget_bf16 = forget_bf16,
    .sum = sum,
    .sum_at = sum_at,
    .broadcast = broadcast,
    .send = send,
    .receive = receive,
    .ring_open = ring_open,
    .ring_close = ring_close,
    .ring_names = ring_names,
    .ring_send = ring_send,
    .ring_sent = ring_sent,
    .ring_wait = ring_wait,
    .ring_receive = ring_receive,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const pals::MpiCalls* pals_mpi_calls() {
  return &kCalls;
}
