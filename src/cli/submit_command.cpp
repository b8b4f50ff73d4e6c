#include <algorithm>
#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/table.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "kernels/device.h"
#include "kernels/threads.h"
#include "model/model_runner.h"
#include "modules/precision_choice.h"
#include "predict/submission.h"
#include "settings/use_options.h"
#include "train/setup.h"

namespace pals {
namespace {

std::string outcome(const SubmissionEntry& entry) {
  if (entry.predicted) return "predicted";
  return concat(entry.text.empty() ? "left out: " : "filled: ", entry.missing);
}

std::string entries_table(const std::vector<SubmissionEntry>& entries) {
  Table table({"file", "rows", ""});
  table.align_left(2);
  for (const SubmissionEntry& entry : entries) {
    table.add_row(
        {entry.file->name, format_count(static_cast<uint64_t>(entry.rows)), outcome(entry)});
  }
  return table.text();
}

std::string entries_json(const std::vector<SubmissionEntry>& entries) {
  OrderedJson files = OrderedJson::array();
  for (const SubmissionEntry& entry : entries) {
    files.push_back({{"file", entry.file->name},
                     {"rows", entry.rows},
                     {"predicted", entry.predicted},
                     {"missing", entry.missing}});
  }
  return json_text(OrderedJson{{"files", std::move(files)}});
}

int run_submit(const SubmitOptions& options, const std::stop_token& stop) {
  use_threads(options.threads);
  const at::Device device = choose_device(options.device);
  report_device(device);
  const LoadedModel loaded =
      load_model_folder(options.model, choose_precision(options.precision, device), device);
  const ModelRunner runner(*loaded.model);
  const std::vector<SubmissionEntry> entries = make_submission(
      predicting_model(loaded, runner), options.data_dir,
      {.batch_size = options.batch_size, .threads = at::get_num_threads(), .stop = stop},
      options.fill_missing);
  if (std::ranges::none_of(entries, &SubmissionEntry::predicted)) {
    fail("nothing to submit: ", options.model, " has no task of GLUE whose test set lies in ",
         options.data_dir);
  }
  write_submission(options.output, entries);
  std::cout << (options.json ? entries_json(entries) : entries_table(entries));
  if (std::ranges::any_of(entries, [](const auto& entry) { return entry.text.empty(); })) {
    log_warning("GLUE's server takes an archive with all ", entries.size(),
                " files only; --fill_missing adds those left out");
  }
  return 0;
}

}  // namespace

Command add_submit_command(CLI::App& program) {
  auto options = std::make_shared<SubmitOptions>();
  CLI::App* app = program.add_subcommand("submit", "predict GLUE's test sets for its server");
  OptionList list = options_of(*options);
  add_options(*app, list);
  app->footer("Example:\n  pals submit --model runs/glue/best --data_dir glue --output glue.zip");
  return {app, [options](const std::stop_token& stop) { return run_submit(*options, stop); }, list};
}

}  // namespace pals
