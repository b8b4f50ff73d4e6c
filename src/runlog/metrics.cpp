#include "runlog/metrics.h"

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "runlog/fields.h"

namespace pals {
namespace {

constexpr int kMostNamed = 5;  // damaged lines in a warning

/// In place of a file's name: the caller knows it.
const std::string kLine = "the line";

std::map<std::string, int64_t> counts_of(const Json& json) {
  if (!json.is_object()) fail(kLine, ": expected an object of counts");
  std::map<std::string, int64_t> counts;
  for (const auto& item : json.items()) {
    counts[item.key()] = count_field(json, item.key().c_str(), kLine);
  }
  return counts;
}

std::map<std::string, double> numbers_of(const Json& json) {
  if (!json.is_object()) fail(kLine, ": expected an object of numbers");
  std::map<std::string, double> numbers;
  for (const auto& item : json.items()) {
    numbers[item.key()] = number_field(json, item.key().c_str(), kLine);
  }
  return numbers;
}

StartRecord start_of(const Json& json) {
  StartRecord start{.from_step = count_field(json, "from_step", kLine),
                    .time = count_field(json, "time", kLine),
                    .program = text_field(json, "program", kLine),
                    .command = {},
                    .device = text_field(json, "device", kLine),
                    .precision = text_field(json, "precision", kLine),
                    .ranks = count_field(json, "ranks", kLine),
                    .threads = count_field(json, "threads", kLine),
                    .total_steps = count_field(json, "total_steps", kLine),
                    .steps_per_epoch = count_field(json, "steps_per_epoch", kLine),
                    .examples = counts_of(field_of(json, "examples", kLine)),
                    .shared = counts_of(field_of(json, "shared", kLine)),
                    .own = {}};
  const Json& command = field_of(json, "command", kLine);
  if (!command.is_array()) fail(kLine, ": \"command\" is not a list");
  for (const Json& argument : command) {
    if (!argument.is_string()) fail(kLine, ": \"command\" holds something other than texts");
    start.command.push_back(argument.get<std::string>());
  }
  const Json& own = field_of(json, "own", kLine);
  if (!own.is_object()) fail(kLine, ": \"own\" is not an object");
  for (const auto& [task, parts] : own.items()) start.own[task] = counts_of(parts);
  return start;
}

MetricsRecord record_of(const Json& json) {
  if (json.contains("from_step")) return start_of(json);
  if (json.contains("epoch_begins")) {
    return EpochRecord{.epoch = count_field(json, "epoch_begins", kLine),
                       .at_step = count_field(json, "at_step", kLine),
                       .probabilities = numbers_of(field_of(json, "probabilities", kLine))};
  }
  if (json.contains("wall_seconds")) {
    return TimeRecord{.until_step = count_field(json, "until_step", kLine),
                      .from_step = count_field(json, "since_step", kLine),
                      .wall_seconds = number_field(json, "wall_seconds", kLine),
                      .seconds = numbers_of(field_of(json, "seconds", kLine)),
                      .peak_bytes = count_field(json, "peak_bytes", kLine)};
  }
  if (json.contains("step")) {
    StepRecord step{.step = count_field(json, "step", kLine),
                    .task = text_field(json, "task", kLine),
                    .loss = number_field(json, "loss", kLine),
                    .learning_rate = number_field(json, "learning_rate", kLine),
                    .rows = count_field(json, "rows", kLine),
                    .tokens = count_field(json, "tokens", kLine)};
    if (json.contains("teacher_weight")) {
      step.teacher_weight = number_field(json, "teacher_weight", kLine);
    }
    return step;
  }
  if (json.contains("after_step")) {
    return EvaluationRecord{.after_step = count_field(json, "after_step", kLine),
                            .epoch = count_field(json, "epoch", kLine),
                            .scores = parse_scores(field_of(json, "evaluation", kLine), kLine)};
  }
  if (json.contains("until_step")) {
    SpeedRecord speed{.until_step = count_field(json, "until_step", kLine),
                      .ranks = count_field(json, "ranks", kLine),
                      .steps = count_field(json, "steps", kLine),
                      .seconds_a_step = number_field(json, "seconds_a_step", kLine),
                      .traffic = {}};
    if (json.contains("bytes_a_step")) {
      const auto number = [&](const char* key) { return number_field(json, key, kLine); };
      speed.traffic = {.bytes_a_step = number("bytes_a_step"),
                       .communication_seconds_a_step = number("communication_seconds_a_step"),
                       .waited_seconds_a_step = number("waited_seconds_a_step"),
                       .hidden = number("hidden")};
    }
    return speed;
  }
  if (json.contains("version")) return VersionRecord{count_field(json, "version", kLine)};
  return DamagedLine{.problem = "it has no known key"};
}

MetricsRecord parse_line(std::string_view text) {
  if (text.size() > kMaxMetricsLine) {
    return DamagedLine{
        concat("it has ", text.size(), " bytes, at most ", kMaxMetricsLine, " are allowed")};
  }
  try {
    const Json json = parse_json(text, kLine);
    if (!json.is_object()) return DamagedLine{.problem = "it is not an object"};
    return record_of(json);
  } catch (const Error& error) {
    return DamagedLine{.problem = error.what()};
  }
}

/// The number of steps that must be done for a line to count.
int64_t steps_until(const MetricsRecord& record) {
  if (const auto* step = std::get_if<StepRecord>(&record)) return step->step + 1;
  // A process that goes on at its step writes the same again.
  if (const auto* epoch = std::get_if<EpochRecord>(&record)) return epoch->at_step + 1;
  if (const auto* start = std::get_if<StartRecord>(&record)) return start->from_step;
  if (const auto* time = std::get_if<TimeRecord>(&record)) return time->until_step;
  if (const auto* evaluation = std::get_if<EvaluationRecord>(&record))
    return evaluation->after_step;
  if (const auto* speed = std::get_if<SpeedRecord>(&record)) return speed->until_step;
  return 0;
}

bool is_evaluation_after(const MetricsRecord& record, int64_t step) {
  const auto* evaluation = std::get_if<EvaluationRecord>(&record);
  return evaluation != nullptr && evaluation->after_step == step;
}

}  // namespace

bool MetricsReader::next(MetricsRecord& record) {
  if (rest_.empty()) return false;
  ++line_;
  const size_t end = rest_.find('\n');
  text_ = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  if (end == std::string_view::npos) {
    record = DamagedLine{.problem = "it has no end", .unfinished = true};
  } else {
    record = parse_line(text_);
  }
  return true;
}

MetricsWriter::MetricsWriter(const std::string& path, int64_t first_step, bool evaluation_is_due)
    : path_(path) {
  std::string kept;
  if (file_exists(path)) {
    const MappedFile old(path);
    kept = kept_lines(old.bytes(), first_step, evaluation_is_due);
  }
  write_file_atomically(path, to_json(VersionRecord()).dump() + "\n" + kept);
  file_.open(path, std::ios::app);
  if (!file_) fail(path, ": cannot be opened for writing: ", std::strerror(errno));
}

std::string MetricsWriter::kept_lines(std::string_view old, int64_t first_step,
                                      bool evaluation_is_due) {
  std::string kept, damaged;
  int num_damaged = 0;
  MetricsReader reader(old);
  MetricsRecord record;
  while (reader.next(record)) {
    if (const auto* line = std::get_if<DamagedLine>(&record)) {
      if (line->unfinished) continue;
      if (++num_damaged <= kMostNamed)
        damaged += concat(damaged.empty() ? "" : ", ", reader.line());
    } else if (const auto* version = std::get_if<VersionRecord>(&record)) {
      version_field({{"version", version->version}}, kMetricsVersion, path_);
    } else if (evaluation_is_due && is_evaluation_after(record, first_step)) {
      continue;
    } else if (steps_until(record) <= first_step) {
      kept.append(reader.text()).push_back('\n');
      const auto* step = std::get_if<StepRecord>(&record);
      if (step != nullptr && first_losses_.size() < kFirstLosses) {
        first_losses_.push_back(step->loss);
      }
    }
  }
  if (num_damaged > 0) {
    log_warning(path_, ": damaged lines are left out: line ", damaged,
                num_damaged > kMostNamed ? concat(" and ", num_damaged - kMostNamed, " more") : "",
                "; what they said of steps before ", first_step, " is lost");
  }
  return kept;
}

void MetricsWriter::write_line(const std::string& line) {
  file_ << line << '\n' << std::flush;
  if (!file_) fail(path_, ": cannot be written: ", std::strerror(errno));
}

}  // namespace pals
