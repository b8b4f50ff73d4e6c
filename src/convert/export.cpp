#include "convert/export.h"

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/output_path.h"
#include "base/text_util.h"
#include "convert/fold.h"
#include "convert/source.h"
#include "export/onnx_model.h"
#include "export/sentence_transformers.h"
#include "export/transformers.h"
#include "foreign/foreign_folder.h"
#include "model/folder_parts.h"
#include "tasks/task_selection.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

ExportFormat format_of(const ExportOptions& options) {
  if (!options.format) {
    if (has_onnx_ending(options.to)) return ExportFormat::kOnnx;
    fail_usage("--format is missing: transformers, onnx or sentence-transformers");
  }
  if (has_onnx_ending(options.to) && *options.format != ExportFormat::kOnnx) {
    fail_usage("OUT: ", options.to, " is the name of an ONNX file, --format ",
               name_of(*options.format), " writes a folder; choose another name");
  }
  return *options.format;
}

void check_flags(const ExportOptions& options, ExportFormat format) {
  if (options.from.empty() || options.to.empty()) {
    fail_usage("FOLDER and OUT are missing: pals export FOLDER OUT");
  }
  const bool sentences = format == ExportFormat::kSentenceTransformers;
  if (!sentences && (options.pooling || options.normalize)) {
    fail_usage(options.pooling ? "--pooling" : "--normalize",
               " is for --format sentence-transformers");
  }
  if (package_of(options.from)) {
    fail_usage(options.from, " is an adapter of ", name_of(*package_of(options.from)),
               "; make a model folder of it with pals convert --base");
  }
}

void check_output(const ExportOptions& options) {
  if (!has_onnx_ending(options.to)) {
    check_folder_output(options.to, options.overwrite, "OUT");
    return;
  }
  if (directory_exists(options.to)) {
    fail("OUT: ", options.to, " is a folder, expected a file to write");
  }
}

ConvertSource read_source(const ExportOptions& options) {
  ConvertOptions asked;
  asked.from = options.from;
  asked.accept_changes = options.accept_changes;
  ConvertSource source = read_convert_source(asked);
  ModelDescription& description = source.description;
  if (source.num_tasks > 0 && description.tasks.empty()) {
    fail_usage(options.from, " is no model folder: it holds the heads of ",
               counted(source.num_tasks, "task that is", "tasks that are"),
               " not named; make one of it with pals convert --tasks");
  }
  if (!source.tokenizer) {
    fail(options.from, ": no vocab.txt or tokenizer.json in this folder");
  }
  if (description.tasks.empty()) {
    description.max_seq_length = static_cast<int>(description.bert.max_position_embeddings);
  }
  return source;
}

// The task that is written, by its number in the source; nothing: all, or the encoder.
ExportedTask chosen_task(const ExportOptions& options, ExportFormat format,
                         const std::vector<Task>& tasks) {
  const bool one = format == ExportFormat::kTransformers && !tasks.empty();
  if (options.task.empty() && !one) {
    const bool only = format == ExportFormat::kOnnx && tasks.size() == 1;
    return only ? ExportedTask(0) : std::nullopt;
  }
  if (tasks.empty()) {
    fail_usage("--task: ", options.from, " is an encoder without tasks");
  }
  return static_cast<size_t>(find_task(tasks, options.task, "--task"));
}

void write(const ExportOptions& options, ExportFormat format, const ExportedModel& model,
           const ExportedTask& task) {
  const fs::path above = fs::path(options.to).parent_path();
  if (!above.empty()) make_directories(above.string());
  if (has_onnx_ending(options.to)) return write_onnx_model(options.to, model, task);
  write_folder_aside(options.to, [&](const std::string& fresh) {
    switch (format) {
      case ExportFormat::kTransformers:
        return write_transformers_files(fresh, model, task);
      case ExportFormat::kOnnx:
        return write_onnx_folder_files(fresh, model, task);
      case ExportFormat::kSentenceTransformers:
        return write_sentence_transformers_files(
            fresh, model, task,
            {.pooling = options.pooling.value_or(Pooling::kMean), .normalize = options.normalize});
    }
  });
}

}  // namespace

ExportReport export_model(const ExportOptions& options) {
  ExportOptions plain = options;
  while (plain.to.size() > 1 && plain.to.ends_with('/')) plain.to.pop_back();
  ExportReport report;
  report.format = format_of(plain);
  check_flags(plain, report.format);
  check_output(plain);
  ConvertSource source = read_source(plain);
  ModelDescription& description = source.description;
  ExportedTask task = chosen_task(plain, report.format, description.tasks);
  if (task && has_terms(description.adapters[*task])) {
    const std::string name = description.tasks[*task].name;
    fold_task(name, source);
    task = 0;
    report.folded = true;
  }
  const ExportedModel model(description, *source.tokenizer, source.rows);
  const bool all = !task && report.format == ExportFormat::kOnnx;
  for (size_t i = 0; i < description.tasks.size(); ++i) {
    if (!all && task != i) continue;
    report.tasks.push_back(description.tasks[i].name);
    report.adapters.push_back(description.adapters[i].kind);
  }
  report.own_code =
      report.format != ExportFormat::kOnnx && task && !is_plain(description.adapters[*task]);
  write(plain, report.format, model, task);
  report.written = plain.to;
  return report;
}

OrderedJson report_to_json(const ExportReport& report) {
  return {{"format", name_of(report.format)},     {"tasks", report.tasks},
          {"adapters", report.adapters},          {"folded", report.folded},
          {"trust_remote_code", report.own_code}, {"written", report.written}};
}

std::string report_text(const ExportReport& report) {
  std::string text = concat(name_of(report.format), ": ",
                            report.tasks.empty() ? "the encoder" : join(report.tasks, ", "));
  if (report.folded) text += ", LoRA's terms folded into the weights";
  text += "\n";
  if (report.own_code) {
    text +=
        "its adapter needs the folder's modeling_pals.py: open it with trust_remote_code=True\n";
  }
  return text + "written: " + report.written + "\n";
}

}  // namespace pals
