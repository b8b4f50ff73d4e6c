#include "runlog/records.h"

#include "base/error.h"
#include "base/text_util.h"
#include "runlog/fields.h"

namespace pals {
namespace {

OrderedJson values_to_json(const TaskValues& values) {
  OrderedJson json = OrderedJson::object();
  for (const auto& [name, value] : values) json[name] = optional_to_json(value);
  return json;
}

TaskValues parse_values(const Json& json, const std::string& where) {
  if (!json.is_object()) fail(where, ": expected an object of metrics");
  TaskValues values;
  for (const auto& [name, value] : json.items()) {
    values[name] = optional_number(value, concat(where, ", ", quote(name, 40)));
  }
  return values;
}

}  // namespace

OrderedJson to_json(const VersionRecord& record) { return {{"version", record.version}}; }

OrderedJson to_json(const StartRecord& record) {
  OrderedJson json = {{"from_step", record.from_step},
                      {"time", record.time},
                      {"program", record.program},
                      {"command", record.command},
                      {"device", record.device},
                      {"precision", record.precision},
                      {"ranks", record.ranks},
                      {"threads", record.threads},
                      {"total_steps", record.total_steps}};
  json.update({{"steps_per_epoch", record.steps_per_epoch},
               {"examples", record.examples},
               {"shared", record.shared},
               {"own", record.own}});
  return json;
}

OrderedJson to_json(const EpochRecord& record) {
  return {{"epoch_begins", record.epoch},
          {"at_step", record.at_step},
          {"probabilities", record.probabilities}};
}

OrderedJson to_json(const TimeRecord& record) {
  return {{"until_step", record.until_step},
          {"since_step", record.from_step},
          {"wall_seconds", record.wall_seconds},
          {"seconds", record.seconds},
          {"peak_bytes", record.peak_bytes}};
}

OrderedJson to_json(const StepRecord& record) {
  OrderedJson json = {{"step", record.step}, {"task", record.task},
                      {"loss", record.loss}, {"learning_rate", record.learning_rate},
                      {"rows", record.rows}, {"tokens", record.tokens}};
  if (record.teacher_weight) json["teacher_weight"] = *record.teacher_weight;
  return json;
}

OrderedJson to_json(const EvaluationRecord& record) {
  return {{"after_step", record.after_step},
          {"epoch", record.epoch},
          {"evaluation", to_json(record.scores)}};
}

OrderedJson to_json(const SpeedRecord& record) {
  OrderedJson json = {{"until_step", record.until_step},
                      {"ranks", record.ranks},
                      {"steps", record.steps},
                      {"seconds_a_step", record.seconds_a_step}};
  if (!record.traffic) return json;
  json.update({{"bytes_a_step", record.traffic->bytes_a_step},
               {"communication_seconds_a_step", record.traffic->communication_seconds_a_step},
               {"waited_seconds_a_step", record.traffic->waited_seconds_a_step},
               {"hidden", record.traffic->hidden}});
  return json;
}

OrderedJson to_json(const ScoresRecord& scores) {
  OrderedJson tasks = OrderedJson::object();
  for (const auto& [name, values] : scores.tasks) tasks[name] = values_to_json(values);
  return {{"average", scores.average}, {"tasks", std::move(tasks)}};
}

ScoresRecord parse_scores(const Json& json, const std::string& where) {
  ScoresRecord scores;
  scores.average = number_field(json, "average", where);
  const Json& tasks = field_of(json, "tasks", where);
  if (!tasks.is_object()) fail(where, ": \"tasks\" is not an object");
  for (const auto& [name, values] : tasks.items()) {
    scores.tasks[name] = parse_values(values, concat(where, ", task ", quote(name, 64)));
  }
  return scores;
}

OrderedJson to_json(const ResultsRecord& record) {
  OrderedJson json = {{"version", record.version}};
  if (!record.finished) json["finished"] = false;
  if (record.evaluated) {
    json.update(to_json(record.evaluated->best));
    json["step"] = record.evaluated->step;
    json["last"] = to_json(record.evaluated->last);
  }
  if (record.best_by_task.empty()) return json;
  OrderedJson& tasks = json["best_by_task"] = OrderedJson::object();
  for (const auto& [name, best] : record.best_by_task) {
    // In the order that version 1 wrote.
    tasks[name] = {
        {"score", best.score}, {"scores", values_to_json(best.values)}, {"step", best.step}};
  }
  return json;
}

ResultsRecord parse_results(const Json& json, const std::string& where) {
  ResultsRecord results;
  results.version = version_field(json, kResultsVersion, where);
  if (json.contains("finished")) {
    if (!json["finished"].is_boolean()) fail(where, ": \"finished\" is neither true nor false");
    results.finished = json["finished"].get<bool>();
  }
  if (json.contains("average")) {
    results.evaluated = {.best = parse_scores(json, where),
                         .step = count_field(json, "step", where),
                         .last = parse_scores(field_of(json, "last", where), where + ", \"last\"")};
  }
  if (!json.contains("best_by_task")) return results;
  const Json& tasks = json["best_by_task"];
  if (!tasks.is_object()) fail(where, ": \"best_by_task\" is not an object");
  for (const auto& [name, best] : tasks.items()) {
    const std::string here = concat(where, ", best of task ", quote(name, 64));
    results.best_by_task[name] = {.step = count_field(best, "step", here),
                                  .score = number_field(best, "score", here),
                                  .values = parse_values(field_of(best, "scores", here), here)};
  }
  return results;
}

}  // namespace pals
