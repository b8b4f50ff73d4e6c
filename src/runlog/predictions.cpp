#include "runlog/predictions.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "runlog/fields.h"

namespace pals {
namespace {

OrderedJson to_json(const PredictionsHead& head) {
  OrderedJson json = {{"version", head.version}, {"task", head.task}, {"kind", head.kind}};
  if (!head.labels.empty()) json["labels"] = head.labels;
  json["step"] = head.step;
  return json;
}

OrderedJson to_json(const PredictionRecord& row) {
  OrderedJson json = {{"split", row.split}, {"row", row.row}};
  if (!row.id.empty()) json["id"] = row.id;
  json["gold"] = row.gold;
  json["prediction"] = row.prediction;
  if (!row.probabilities.empty()) json["probabilities"] = row.probabilities;
  if (row.probability) json["probability"] = *row.probability;
  return json;
}

std::vector<double> numbers_of(const Json& json, const std::string& where) {
  if (!json.is_array()) fail(where, ": \"probabilities\" is not a list");
  std::vector<double> numbers;
  for (const Json& item : json) {
    if (!item.is_number()) fail(where, ": \"probabilities\" holds something other than numbers");
    numbers.push_back(item.get<double>());
  }
  return numbers;
}

bool is_value(const Json& json) { return json.is_string() || json.is_number(); }

/// Gold and prediction may be lists: of right answers, of labels.
void check_values(const Json& json, const char* key, const std::string& where) {
  const bool list = json.is_array() && std::ranges::all_of(json, is_value);
  if (!list && !is_value(json)) {
    fail(where, ": ", quote(key), " is neither a value nor a list of them");
  }
}

PredictionsHead parse_head(const Json& json, const std::string& where) {
  PredictionsHead head;
  head.version = version_field(json, kPredictionsVersion, where);
  head.task = text_field(json, "task", where);
  head.kind = text_field(json, "kind", where);
  head.step = count_field(json, "step", where);
  if (!json.contains("labels")) return head;
  const Json& labels = json["labels"];
  const bool texts = labels.is_array() && std::ranges::all_of(labels, [](const Json& label) {
                       return label.is_string();
                     });
  if (!texts) fail(where, ": \"labels\" is not a list of texts");
  head.labels = labels.get<std::vector<std::string>>();
  return head;
}

PredictionRecord parse_row(const Json& json, const PredictionsHead& head,
                           const std::string& where) {
  PredictionRecord row;
  row.split = text_field(json, "split", where);
  row.row = count_field(json, "row", where);
  if (json.contains("id")) row.id = text_field(json, "id", where);
  row.gold = field_of(json, "gold", where);
  row.prediction = field_of(json, "prediction", where);
  check_values(row.gold, "gold", where);
  check_values(row.prediction, "prediction", where);
  if (json.contains("probabilities")) row.probabilities = numbers_of(json["probabilities"], where);
  // A tagging has labels, but no probabilities.
  const bool some = !row.probabilities.empty();
  if (some && !head.labels.empty() && row.probabilities.size() != head.labels.size()) {
    fail(where, ": ", counted(std::ssize(row.probabilities), "probability", "probabilities"),
         " of ", counted(std::ssize(head.labels), "label"));
  }
  if (json.contains("probability")) row.probability = number_field(json, "probability", where);
  return row;
}

}  // namespace

void write_predictions(const std::string& path, const TaskPredictions& predictions) {
  AtomicFile file(path);
  file.write(json_text(to_json(predictions.head), -1) + "\n");
  for (const PredictionRecord& row : predictions.rows) {
    file.write(json_text(to_json(row), -1) + "\n");
  }
  file.commit();
}

TaskPredictions parse_predictions(std::string_view bytes, const std::string& where,
                                  std::vector<std::string>& damaged) {
  TaskPredictions predictions;
  int64_t number = 0;
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    const std::string here = concat("line ", ++number);
    try {
      if (end == std::string_view::npos) fail(here, ": it has no end");
      if (line.size() > kMaxPredictionLine) fail(here, ": it has ", line.size(), " bytes");
      const Json json = parse_json(line, here);
      if (number == 1) {
        predictions.head = parse_head(json, here);
      } else {
        predictions.rows.push_back(parse_row(json, predictions.head, here));
      }
    } catch (const Error& error) {
      if (number == 1) fail(where, ": ", error.what());
      damaged.emplace_back(error.what());
    }
  }
  if (number == 0) fail(where, ": it is empty, expected a first line with a version");
  return predictions;
}

}  // namespace pals
