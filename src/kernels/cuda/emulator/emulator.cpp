#include "kernels/cuda/emulator/emulator.h"

#include <sys/mman.h>
#include <unistd.h>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

pals::emulator::Index3 threadIdx, blockIdx, blockDim, gridDim;

#ifndef __x86_64__
#error "The emulator's fibers are written for x86-64"
#endif

// Saves the callee's registers on this stack and its top in *from, and goes on where `to` was
// saved.
extern "C" void pals_switch_stack(void** from, void* to);
asm(R"(
.text
.globl pals_switch_stack
.type pals_switch_stack,@function
pals_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size pals_switch_stack,.-pals_switch_stack
)");

namespace pals::emulator {
namespace {

constexpr unsigned kWarp = 32;
constexpr unsigned kMostThreads = 1024;
constexpr size_t kStackBytes = 64 << 10;
constexpr size_t kMostShared = 227 << 10;  // of a block on compute capability 9.0

/// Memory of whole pages, the page behind it closed.
class GuardedMemory {
 public:
  explicit GuardedMemory(size_t bytes) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    bytes_ = (bytes + page - 1) / page * page;
    void* memory = mmap(nullptr, bytes_ + page, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    begin_ = static_cast<char*>(memory);
    page_ = page;
    mprotect(begin_ + bytes_, page, PROT_NONE);
  }
  ~GuardedMemory() { munmap(begin_, bytes_ + page_); }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  /// The last `bytes`, from a multiple of 16.
  char* last(size_t bytes) const { return begin_ + bytes_ - (bytes + 15) / 16 * 16; }
  char* end() const { return begin_ + bytes_; }

 private:
  char* begin_;
  size_t bytes_, page_;
};

struct Copy {
  void* to;
  const void* from;
  size_t bytes, from_bytes;
};

enum class State { kReady, kInWarp, kInBarrier, kEnded };

struct Fiber {
  std::unique_ptr<GuardedMemory> stack;
  void* saved = nullptr;
  State state = State::kReady;
  Index3 index;
  const char* file = "";  // where it waits
  int line = 0;
  std::vector<Copy> copies;
};

/// The lanes of a warp that have come to an operation.
struct Warp {
  WarpOperation operation = nullptr;
  int line = 0;
  unsigned arrived = 0;
  Lane lanes[kWarp];
};

/// One launch at a time; kernels run on the calling thread.
struct Machine {
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  unsigned threads = 0, current = 0;
  Order order = Order::kAscending;
  void* scheduler = nullptr;
  const std::function<void()>* kernel = nullptr;
  std::exception_ptr error;
  std::unique_ptr<GuardedMemory> shared;
  void* shared_begin = nullptr;
  bool running = false;
};

Machine& machine() {
  static Machine instance;
  return instance;
}

std::string place(const char* file, int line) {
  return std::string(file) + ":" + std::to_string(line);
}

std::string describe(const Fiber& fiber, unsigned number) {
  std::string text = "thread " + std::to_string(number);
  if (fiber.state == State::kEnded) return text + " has ended";
  text += fiber.state == State::kInBarrier ? " waits at the barrier " : " waits for its warp at ";
  return text + place(fiber.file, fiber.line);
}

void go_to(Machine& m, unsigned number) {
  void** from = &m.fibers[m.current].saved;
  m.current = number;
  threadIdx = m.fibers[number].index;
  pals_switch_stack(from, m.fibers[number].saved);
}

/// To the loop of run_block, which never comes back to a fiber that has ended or failed.
void leave(Machine& m) { pals_switch_stack(&m.fibers[m.current].saved, m.scheduler); }

/// The next thread that can go on: of the same warp if there is one. False if there is none.
bool find_ready(const Machine& m, unsigned& found) {
  const bool up = m.order == Order::kAscending;
  const auto ready = [&](unsigned number) {
    found = number;
    return m.fibers[number].state == State::kReady;
  };
  const unsigned warp = m.current / kWarp * kWarp;
  for (unsigned i = 1; i <= kWarp; ++i) {
    const unsigned lane = m.current % kWarp;
    if (ready(warp + (up ? lane + i : lane + kWarp - i) % kWarp)) return true;
  }
  for (unsigned i = 0; i < m.threads; ++i) {
    if (ready(up ? i : m.threads - 1 - i)) return true;
  }
  return false;
}

/// All wait: opens the barrier if it is one, and says what is wrong otherwise.
void open_barrier(Machine& m) {
  const Fiber& mine = m.fibers[m.current];
  for (unsigned i = 0; i < m.threads; ++i) {
    const Fiber& other = m.fibers[i];
    if (other.state != State::kInBarrier || other.line != mine.line || other.file != mine.file) {
      throw std::runtime_error("threads of a block part ways: " + describe(mine, m.current) + ", " +
                               describe(other, i));
    }
  }
  for (unsigned i = 0; i < m.threads; ++i) m.fibers[i].state = State::kReady;
}

/// Lets others run until this thread is ready again.
void wait(Machine& m) {
  unsigned next = 0;
  if (!find_ready(m, next)) {
    open_barrier(m);
    next = m.order == Order::kAscending ? 0 : m.threads - 1;
  }
  if (next != m.current) go_to(m, next);
}

/// The body of every fiber.
void fiber_main() {
  Machine& m = machine();
  try {
    (*m.kernel)();
    if (!m.fibers[m.current].copies.empty()) {
      throw std::runtime_error("a thread ended without waiting for its copies");
    }
  } catch (...) {
    m.error = std::current_exception();
  }
  m.fibers[m.current].state = State::kEnded;
  unsigned next = 0;
  if (m.error == nullptr && find_ready(m, next)) go_to(m, next);
  leave(m);
}

void prepare(Fiber& fiber, unsigned number) {
  if (fiber.stack == nullptr) fiber.stack = std::make_unique<GuardedMemory>(kStackBytes);
  // As pals_switch_stack leaves a stack: six registers, then where to go on; 8 bytes below a
  // multiple of 16, as at every function's entry.
  auto** top = reinterpret_cast<void**>(fiber.stack->end()) - 8;
  for (int i = 0; i < 8; ++i) top[i] = nullptr;
  top[6] = reinterpret_cast<void*>(&fiber_main);
  fiber.saved = top;
  fiber.state = State::kReady;
  fiber.index = {number % blockDim.x, number / blockDim.x % blockDim.y,
                 number / (blockDim.x * blockDim.y)};
  fiber.copies.clear();
}

void run_block(Machine& m, size_t shared_bytes) {
  m.shared_begin = m.shared->last(shared_bytes);
  std::memset(m.shared_begin, 0xFF, (shared_bytes + 15) / 16 * 16);
  for (unsigned i = 0; i < m.threads; ++i) prepare(m.fibers[i], i);
  for (Warp& warp : m.warps) warp.arrived = 0;
  m.current = m.order == Order::kAscending ? 0 : m.threads - 1;
  threadIdx = m.fibers[m.current].index;
  pals_switch_stack(&m.scheduler, m.fibers[m.current].saved);
  if (m.error != nullptr) std::rethrow_exception(m.error);
  for (unsigned i = 0; i < m.threads; ++i) {
    if (m.fibers[i].state != State::kEnded) {
      throw std::runtime_error("threads of a block part ways: some ended, " +
                               describe(m.fibers[i], i));
    }
  }
}

}  // namespace

void run(const LaunchShape& shape, const std::function<void()>& kernel) {
  Machine& m = machine();
  if (m.running) throw std::runtime_error("a launch inside a kernel");
  m.threads = shape.block.x * shape.block.y * shape.block.z;
  if (m.threads == 0 || m.threads > kMostThreads || m.threads % kWarp != 0) {
    throw std::runtime_error("a block of " + std::to_string(m.threads) + " threads");
  }
  if (shape.grid.y > 65535 || shape.grid.z > 65535 || shape.grid.x > 0x7FFFFFFFU) {
    throw std::runtime_error("a grid too large for the language");
  }
  if (shape.shared_bytes > kMostShared) {
    throw std::runtime_error(std::to_string(shape.shared_bytes) + " bytes of shared memory");
  }
  if (m.shared == nullptr) m.shared = std::make_unique<GuardedMemory>(kMostShared);
  if (m.fibers.size() < m.threads) m.fibers.resize(m.threads);
  m.warps.assign(m.threads / kWarp, {});
  m.kernel = &kernel;
  m.error = nullptr;
  blockDim = shape.block;
  gridDim = shape.grid;
  m.running = true;
  try {
    for (blockIdx.z = 0; blockIdx.z < gridDim.z; ++blockIdx.z) {
      for (blockIdx.y = 0; blockIdx.y < gridDim.y; ++blockIdx.y) {
        for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x) {
          run_block(m, shape.shared_bytes);
        }
      }
    }
  } catch (...) {
    m.running = false;
    throw;
  }
  m.running = false;
}

void set_order(Order order) { machine().order = order; }

void* shared_bytes() { return machine().shared_begin; }

void fail_kernel(const char* what, const char* file, int line) {
  throw std::runtime_error(place(file, line) + ": " + what);
}

void synchronize_block(const char* file, int line) {
  Machine& m = machine();
  Fiber& fiber = m.fibers[m.current];
  fiber.state = State::kInBarrier;
  fiber.file = file;
  fiber.line = line;
  wait(m);
}

void with_warp(WarpOperation operation, const Lane& lane, const char* file, int line) {
  Machine& m = machine();
  const unsigned number = m.current;
  Fiber& fiber = m.fibers[number];
  Warp& warp = m.warps[number / kWarp];
  if (warp.arrived != 0 && (warp.operation != operation || warp.line != line)) {
    fail_kernel("the lanes of a warp came to different operations", file, line);
  }
  warp.operation = operation;
  warp.line = line;
  warp.lanes[number % kWarp] = lane;
  if (++warp.arrived == kWarp) {
    operation(warp.lanes);
    warp.arrived = 0;
    for (unsigned i = 0; i < kWarp; ++i) m.fibers[number / kWarp * kWarp + i].state = State::kReady;
    return;
  }
  fiber.state = State::kInWarp;
  fiber.file = file;
  fiber.line = line;
  wait(m);
}

void copy_later(void* to, const void* from, size_t bytes, size_t from_bytes) {
  check_aligned(to, bytes);
  if (from_bytes > 0) check_aligned(from, bytes);
  Machine& m = machine();
  m.fibers[m.current].copies.push_back({to, from, bytes, from_bytes});
}

void finish_copies() {
  Machine& m = machine();
  for (const Copy& copy : m.fibers[m.current].copies) {
    std::memcpy(copy.to, copy.from, copy.from_bytes);
    std::memset(static_cast<char*>(copy.to) + copy.from_bytes, 0, copy.bytes - copy.from_bytes);
  }
  m.fibers[m.current].copies.clear();
}

void check_aligned(const void* address, size_t alignment, const char* file, int line) {
  if (reinterpret_cast<uintptr_t>(address) % alignment != 0) {
    fail_kernel(("an access of " + std::to_string(alignment) + " bytes is not aligned").c_str(),
                file, line);
  }
}

float half_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000U) << 16;
  const uint32_t exponent = bits >> 10 & 0x1FU, fraction = bits & 0x3FFU;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 0x1FU ? 0xFFU : exponent + 112;
  return bits_to_float(sign | wide << 23 | fraction << 13);
}

uint16_t float_to_half(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000U);
  const float magnitude = std::fabs(x);
  if (std::isnan(x)) return 0x7FFF;  // as the device writes it
  if (magnitude >= 65520.0F) return static_cast<uint16_t>(sign | 0x7C00U);
  // Units in the last place are 2^(exponent - 10), of subnormal numbers 2^-24; the default rounding
  // of the quotient is the one wanted.
  const int exponent = magnitude < 0x1p-14F ? -14 : std::ilogb(magnitude);
  const auto units = static_cast<uint32_t>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
  return static_cast<uint16_t>(sign | ((static_cast<uint32_t>(exponent + 14) << 10) + units));
}

uint16_t float_to_bfloat16(float x) {
  if (std::isnan(x)) return 0x7FFF;  // as the device writes it
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return static_cast<uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

}  // namespace pals::emulator
