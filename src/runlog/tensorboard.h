// A run's numbers as TensorBoard reads them: a file of TensorFlow events beside metrics.jsonl.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "runlog/records.h"

namespace pals {

/// A scalar as an event: a protocol buffer `tensorflow.Event`. `seconds` since 1970.
std::string scalar_event(const std::string& tag, double value, int64_t step, double seconds);

/// Bytes as a TFRecord: their length and checksums (masked CRC-32C) around them.
std::string event_record(std::string_view bytes);

/// Writes one file of events.
class TensorboardWriter {
 public:
  /// Makes `folder` and in it a file of a new name, for steps from `first_step` on: TensorBoard
  /// forgets later ones of earlier files. Throws Error.
  TensorboardWriter(const std::string& folder, int64_t first_step);

  /// loss/TASK and learning_rate.
  void write(const StepRecord& record);
  /// TASK/METRIC and average.
  void write(const EvaluationRecord& record);
  /// probability/TASK.
  void write(const EpochRecord& record);
  /// seconds/PART; also lets others see what was written so far.
  void write(const TimeRecord& record);
  /// Nothing that a curve could show.
  void write(const StartRecord&) {}
  void write(const SpeedRecord&) {}

 private:
  void add(const std::string& tag, double value, int64_t step);
  void append(std::string_view event);
  void flush();

  std::string path_;
  std::ofstream file_;
};

}  // namespace pals
