#include "runlog/gradients.h"

#include <utility>

#include "base/error.h"
#include "runlog/fields.h"

namespace pals {
namespace {

using Row = std::vector<std::optional<double>>;

OrderedJson row_to_json(const Row& row) {
  OrderedJson json = OrderedJson::array();
  for (const std::optional<double>& value : row) json.push_back(optional_to_json(value));
  return json;
}

/// An array of as many items as there are tasks.
const Json& array_of(const Json& json, const char* what, size_t size, const std::string& where) {
  if (!json.is_array() || json.size() != size) {
    fail(where, ": \"", what, "\": expected an array of ", size, ", one for each task");
  }
  return json;
}

Row parse_row(const Json& json, const char* what, size_t size, const std::string& where) {
  Row row;
  for (const Json& value : array_of(json, what, size, where)) {
    row.push_back(optional_number(value, concat(where, ", \"", what, "\"")));
  }
  return row;
}

}  // namespace

OrderedJson to_json(const GradientRecord& record) {
  OrderedJson cosines = OrderedJson::array();
  for (const Row& row : record.cosines) cosines.push_back(row_to_json(row));
  return {{"version", kGradientsVersion},
          {"step", record.step},
          {"batches", record.batches},
          {"parameters", record.parameters},
          {"tasks", record.tasks},
          {"cosines", std::move(cosines)},
          {"halves", row_to_json(record.halves)},
          {"norms", record.norms}};
}

GradientRecord parse_gradients(const Json& json, const std::string& where) {
  version_field(json, kGradientsVersion, where);
  GradientRecord record{.step = count_field(json, "step", where),
                        .batches = count_field(json, "batches", where),
                        .parameters = count_field(json, "parameters", where)};
  const Json& tasks = field_of(json, "tasks", where);
  if (!tasks.is_array()) fail(where, ": \"tasks\": expected an array of names");
  for (const Json& task : tasks) {
    if (!task.is_string()) fail(where, ": \"tasks\": expected an array of names");
    record.tasks.push_back(task.get<std::string>());
  }
  const size_t size = record.tasks.size();
  for (const Json& row : array_of(field_of(json, "cosines", where), "cosines", size, where)) {
    record.cosines.push_back(parse_row(row, "cosines", size, where));
  }
  record.halves = parse_row(field_of(json, "halves", where), "halves", size, where);
  for (const std::optional<double>& norm :
       parse_row(field_of(json, "norms", where), "norms", size, where)) {
    if (!norm) fail(where, ": \"norms\": expected numbers");
    record.norms.push_back(*norm);
  }
  return record;
}

}  // namespace pals
