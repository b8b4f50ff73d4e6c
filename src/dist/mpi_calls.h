// The calls of MPI that ranks on CPUs make, as a table that is laid out alike for every MPI. A
// library of its own, libpals_mpi.so (mpi/pals_mpi.cpp), fills it in and alone is linked with an
// MPI, so that the program runs where there is none.
#pragma once

#include <cstdint>

namespace pals {

enum class MpiType : int32_t { kFloat, kDouble, kInt64, kUint8, kBfloat16 };

inline constexpr int32_t kMpiLayout = 1;   // of the table; goes up with every change of it
inline constexpr int32_t kMpiName = 256;   // bytes of a machine's name, zeros behind it
inline constexpr int32_t kMpiText = 8192;  // bytes of the longest text

/// Functions that return a number return 0 or what error_text() explains. All but the first three
/// want init() to have been called, which is done once a process; calls may come from any thread.
struct MpiCalls {
  int32_t layout;    ///< kMpiLayout of whoever compiled it
  int32_t open_mpi;  ///< 1: Open MPI, whose mpirun and srun want flags of their own
  /// Name and version, and what a status means: text of at most kMpiText bytes, zero at its end.
  void (*library)(char* text);
  void (*error_text)(int status, char* text);
  /// Joins the ranks. `threads` becomes 1 where calls may come from several threads.
  int (*init)(int* threads);
  int (*place)(int* rank, int* size);
  void (*finalize)();
  void (*abort)(int status);  ///< ends all ranks

  /// MPI has no bf16: `add` adds `count` numbers to those of `to`. To be said before they are
  /// summed.
  int (*define_bf16)(void (*add)(const void* from, void* to, int count));
  void (*forget_bf16)();

  /// Over all ranks, of `count` numbers.
  int (*sum)(void* data, int count, MpiType type);
  int (*sum_at)(void* data, int count, MpiType type, int root, int is_root);
  int (*broadcast)(void* data, int count, MpiType type, int root);
  int (*send)(const void* data, int count, MpiType type, int to, int tag);
  int (*receive)(void* data, int count, MpiType type, int from, int tag);

  /// A ring of all ranks for single bytes, beside what is said above; collective.
  int (*ring_open)();
  void (*ring_close)();
  int (*ring_names)(char* names);  ///< machines by rank: size x kMpiName bytes
  /// Sends to the next rank; the byte stays there until ring_sent says 1, or ring_wait returns.
  void (*ring_send)(const char* word);
  void (*ring_sent)(int* done);
  void (*ring_wait)();
  /// Takes a byte from the rank before, if there is one: `any` says so.
  void (*ring_receive)(char* word, int* any);
};

/// The library's one symbol, `pals_mpi_calls`.
using MpiEntry = const MpiCalls* (*)();

}  // namespace pals
