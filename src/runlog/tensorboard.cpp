#include "runlog/tensorboard.h"

#include <unistd.h>

#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"
#include "base/host.h"

namespace pals {
namespace {

// Fields of tensorflow.Event, Summary, Summary.Value and SessionLog (event.proto, summary.proto).
constexpr uint32_t kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
constexpr uint32_t kValue = 1, kTag = 1, kSimpleValue = 2, kStatus = 1;
constexpr uint64_t kStatusStart = 1;

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void put_key(std::string& out, uint32_t field, WireType type) {
  put_varint(out, field << 3 | type);
}

/// Little-endian, whatever the machine.
template <typename Unsigned>
void put_fixed(std::string& out, Unsigned value) {
  for (size_t i = 0; i < sizeof value; ++i) out.push_back(static_cast<char>(value >> 8 * i));
}

void put_bytes(std::string& out, uint32_t field, std::string_view bytes) {
  put_key(out, field, kBytes);
  put_varint(out, bytes.size());
  out.append(bytes);
}

std::string event(double seconds, int64_t step) {
  std::string out;
  put_key(out, kWallTime, kFixed64);
  put_fixed(out, std::bit_cast<uint64_t>(seconds));
  if (step == 0) return out;
  put_key(out, kStep, kVarint);
  put_varint(out, static_cast<uint64_t>(step));
  return out;
}

double now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

std::string file_name(const std::string& folder) {
  return concat(folder, "/events.out.tfevents.", static_cast<int64_t>(now()), ".", host_name(), ".",
                ::getpid());
}

}  // namespace

std::string scalar_event(const std::string& tag, double value, int64_t step, double seconds) {
  std::string scalar, summary;
  put_bytes(scalar, kTag, tag);
  put_key(scalar, kSimpleValue, kFixed32);
  put_fixed(scalar, std::bit_cast<uint32_t>(static_cast<float>(value)));
  put_bytes(summary, kValue, scalar);
  std::string out = event(seconds, step);
  put_bytes(out, kSummary, summary);
  return out;
}

std::string event_record(std::string_view bytes) {
  std::string out;
  put_fixed(out, static_cast<uint64_t>(bytes.size()));
  put_fixed(out, masked_crc32c(out));
  out.append(bytes);
  put_fixed(out, masked_crc32c(bytes));
  return out;
}

TensorboardWriter::TensorboardWriter(const std::string& folder, int64_t first_step)
    : path_(file_name(folder)) {
  make_directories(folder);
  file_.open(path_, std::ios::binary | std::ios::app);
  if (!file_) fail(path_, ": cannot be opened for writing: ", std::strerror(errno));
  std::string head = event(now(), 0);
  put_bytes(head, kFileVersion, "brain.Event:2");
  append(head);
  if (first_step > 0) {
    std::string status, session = event(now(), first_step);
    put_key(status, kStatus, kVarint);
    put_varint(status, kStatusStart);
    put_bytes(session, kSessionLog, status);
    append(session);
  }
  flush();
}

void TensorboardWriter::write(const StepRecord& record) {
  add("loss/" + record.task, record.loss, record.step);
  add("learning_rate", record.learning_rate, record.step);
}

void TensorboardWriter::write(const EvaluationRecord& record) {
  add("average", record.scores.average, record.after_step);
  for (const auto& [task, values] : record.scores.tasks) {
    for (const auto& [name, value] : values) {
      if (value) add(concat(task, "/", name), *value, record.after_step);
    }
  }
  flush();
}

void TensorboardWriter::write(const EpochRecord& record) {
  for (const auto& [task, probability] : record.probabilities) {
    add("probability/" + task, probability, record.at_step);
  }
}

void TensorboardWriter::write(const TimeRecord& record) {
  for (const auto& [part, seconds] : record.seconds) {
    add("seconds/" + part, seconds, record.until_step);
  }
  flush();
}

void TensorboardWriter::add(const std::string& tag, double value, int64_t step) {
  append(scalar_event(tag, value, step, now()));
}

void TensorboardWriter::append(std::string_view event) { file_ << event_record(event); }

void TensorboardWriter::flush() {
  file_.flush();
  if (!file_) fail(path_, ": cannot be written: ", std::strerror(errno));
}

}  // namespace pals
