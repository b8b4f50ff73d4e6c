#include "settings/train_options.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "hub/cache.h"
#include "settings/shared.h"
#include "settings/train_option_rows.h"

namespace pals {
namespace {

// Other tasks than --kind span would not see them.
void refuse_idle_span_flags(SpanOptions given, std::optional<TaskKind> kind) {
  if (kind == TaskKind::kSpan) return;
  SpanOptions usual;
  OptionList flags, defaults;
  add_span(flags, given);
  add_span(defaults, usual);
  const Json values = defaults.json();
  for (const Option& row : flags.rows()) {
    if (row.field.json() == values[row.name]) continue;
    fail_usage(row.flag(), " is for --kind span; in a --task_file it is a key of the task");
  }
}

std::vector<std::string> differing(const Json& one, const Json& other, MayDiffer where) {
  TrainOptions defaults;
  return options_of(defaults).differing(one, other, where);
}

}  // namespace

OptionList plan_options_of(TrainOptions& options) {
  OptionList list;
  add_data(list, options);
  add_span(list, options.span);
  add_model(list, options);
  add_training(list, options);
  add_recipe(list, options);
  add_run(list, options);
  add_processes(list, options);
  return list;
}

OptionList options_of(TrainOptions& options) {
  OptionList list = plan_options_of(options);
  list.set_resumes();
  list.need("output_dir", true);
  return list;
}

OptionList added_task_options(TrainOptions& options) {
  // What belongs to the model, which stays as it is, and what is so anyway.
  const std::vector<std::string> fixed = {"task_id",         "max_seq_length",
                                          "init_checkpoint", "bert_config_file",
                                          "vocab_file",      "do_lower_case",
                                          "multi",           "keep_tasks",
                                          "h_aug",           "special_tokens_in_text",
                                          "dropout",         "freeze",
                                          "freeze_all",      "local_rank",
                                          "no_cuda",         "layer_decay",
                                          "polish_epochs"};
  const OptionList all = options_of(options);
  OptionList list;
  for (const std::string& group : all.groups()) {
    std::vector<Option> rows;
    if (group == "Model") {
      rows.push_back(model_option(options.init_checkpoint));
      rows.back().help = "the trained model, a folder such as `RUN/best`, which stays as it is";
      rows.back().more = "; needed";
      rows.back().needed = true;
    }
    for (const Option& row : all.rows()) {
      const bool is_fixed = std::ranges::find(fixed, row.name) != fixed.end();
      if (row.group == group && !is_fixed) rows.push_back(row);
    }
    list.add(group, std::move(rows));
  }
  list.set_resumes();
  return list;
}

OptionList options_of_runs(TrainOptions& options, const OptionList& own) {
  const OptionList all = options_of(options);
  OptionList list;
  for (Option row : all.rows()) {
    const bool here = std::ranges::find(own.rows(), row.name, &Option::name) != own.rows().end();
    if (here || row.group == "Many processes" || row.name == "overwrite_output_dir") continue;
    row.hidden = true;
    const std::string group = row.group;
    list.add(group, {std::move(row)});
  }
  return list;
}

std::vector<TeacherFlag> teachers_of(const TrainOptions& options) {
  std::vector<TeacherFlag> teachers;
  for (const std::string& text : options.teachers) {
    for (const std::string_view item : split(text, ',')) {
      const size_t end = item.find('=');
      if (end == std::string_view::npos || end == 0 || end + 1 == item.size()) {
        fail_usage("--teacher is ", quote(text), ", expected TASK=FOLDER, such as cola=runs/cola/",
                   "best; several with commas between");
      }
      TeacherFlag teacher{std::string(trim(item.substr(0, end))),
                          std::string(trim(item.substr(end + 1)))};
      std::erase_if(teachers, [&](const TeacherFlag& other) { return other.task == teacher.task; });
      teachers.push_back(std::move(teacher));
    }
  }
  return teachers;
}

void check_options(const TrainOptions& options) {
  TrainOptions copy = options;
  options_of(copy).check();
  if (options.train_batch_size % options.gradient_accumulation_steps != 0) {
    fail_usage("--train_batch_size ", options.train_batch_size,
               " is not a multiple of --gradient_accumulation_steps ",
               options.gradient_accumulation_steps);
  }
  if (!options.task_name.empty() && !options.kind) {
    fail_usage("--task_name is for --kind; in a --task_file a task has the key \"name\"");
  }
  refuse_idle_span_flags(copy.span, options.kind);
  check_recipe(options);
  if (options.freeze && options.freeze_all) {
    fail_usage("--freeze and --freeze_all are given; --freeze trains the shared LayerNorms");
  }
  if (options.early_stopping_by == StopBy::kTask) {
    if (options.early_stopping == 0) fail_usage("--early_stopping_by needs --early_stopping");
    if (!options.save_best_tasks) {
      fail_usage("--early_stopping_by task goes by each task's best model, which ",
                 "--save_best_tasks 0 does not keep");
    }
  }
  if (!options.keep_tasks) return;
  if (!options.freeze_all) fail_usage("--keep_tasks needs --freeze_all");
  if (options.init_checkpoint.empty()) fail_usage("--keep_tasks needs --init_checkpoint");
  if (options.dropout >= 0.0) {
    fail_usage("--dropout makes no sense beside --keep_tasks: the configuration stays as it is");
  }
}

Json options_to_json(const TrainOptions& options) {
  TrainOptions copy = options;
  copy.init_checkpoint = name_of_snapshot(copy.init_checkpoint);  // the same on any machine
  return options_of(copy).json();
}

std::vector<std::string> differing_options(const Json& saved, const Json& current) {
  return differing(saved, current, MayDiffer::kAfterResuming);
}

std::vector<std::string> differing_among_ranks(const Json& first, const Json& other) {
  return differing(first, other, MayDiffer::kAmongRanks);
}

}  // namespace pals
