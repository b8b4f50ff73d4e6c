#include "convert/convert.h"

#include "base/error.h"
#include "base/text_util.h"
#include "convert/fold.h"
#include "convert/source.h"
#include "convert/target.h"
#include "foreign/foreign_folder.h"
#include "model/weights.h"

namespace pals {

namespace {

// Flags of adapters of other packages, where neither side is one.
void check_flags(const ConvertOptions& options) {
  const bool from = package_of(options.from).has_value();
  const bool foreign = from || package_of_format(target_format(options)).has_value();
  const std::pair<const char*, bool> given[] = {{"--base", !options.base.empty() && !foreign},
                                                {"--task", !options.task.empty() && !foreign},
                                                {"--labels", !options.labels.empty() && !from}};
  for (const auto& [flag, idle] : given) {
    if (!idle) continue;
    fail_usage(flag, " is for adapters of peft and adapters: ", options.from,
               " is no folder of one (adapter_config.json)");
  }
}

}  // namespace

ConvertReport convert(const ConvertOptions& options) {
  if (options.from.empty() || options.to.empty()) {
    fail_usage("FROM and TO are missing: pals convert FROM TO, or CHECKPOINT CONFIGURATION OUTPUT");
  }
  ConvertOptions plain = options;
  while (plain.to.size() > 1 && plain.to.ends_with('/')) plain.to.pop_back();
  check_target(plain);
  check_flags(plain);
  ConvertSource source = read_convert_source(plain);
  if (!plain.fold.empty()) fold_task(plain.fold, source);
  ConvertReport report;
  report.from_format = source.format;
  report.to_format = target_name(target_format(plain));
  report.adapter = adapter_kinds_text(source.description.adapters);
  report.tasks = source.num_tasks;
  report.left_out = source.left_out;
  report.slots = source.file.left_out();
  report.missing = source.missing;
  for (const TensorEntry& row : source.rows) {
    if (row.bytes.empty()) continue;
    ++report.tensors;
    report.parameters += row.numel();
  }
  report.written = write_target(plain, source, report);
  return report;
}

OrderedJson report_to_json(const ConvertReport& report) {
  return {{"from", report.from_format},  {"to", report.to_format},
          {"tensors", report.tensors},   {"parameters", report.parameters},
          {"tasks", report.tasks},       {"adapter", report.adapter},
          {"left_out", report.left_out}, {"slots_left_out", report.slots},
          {"missing", report.missing},   {"written", report.written}};
}

std::string report_text(const ConvertReport& report) {
  std::string text = concat(report.from_format, " to ", report.to_format, ": ",
                            counted(static_cast<int64_t>(report.tensors), "tensor"), ", ",
                            counted(report.parameters, "parameter"));
  if (report.tasks > 0) {
    text += concat(", ", counted(static_cast<int64_t>(report.tasks), "task"), ", adapter ",
                   report.adapter);
  }
  text += "\n";
  if (!report.left_out.empty()) text += "left out: " + list_names(report.left_out) + "\n";
  if (report.slots > 0) {
    text += concat("left out: ", format_count(report.slots),
                   " variables of pre-training and of optimizers\n");
  }
  if (!report.missing.empty())
    text += "not in the checkpoint: " + list_names(report.missing) + "\n";
  return text + "written: " + join(report.written, ", ") + "\n";
}

}  // namespace pals
