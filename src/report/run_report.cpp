#include "report/run_report.h"

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "report/page.h"
#include "report/sections.h"
#include "runlog/file_names.h"

namespace pals {
namespace {

std::string state_text(const RunData& run) {
  const RunHistory& history = run.history;
  if (run.finished) return "finished";
  const int64_t total = history.starts.empty() ? 0 : history.starts.back().total_steps;
  return concat("not finished: step ", count_text(history.steps),
                total > 0 ? concat(" of ", count_text(total)) : "", " when this page was made");
}

std::string tiles(const RunData& run) {
  std::string out;
  if (run.results && run.results->evaluated) {
    out += tile(figure_text(run.results->evaluated->best.average),
                run.finished ? "best average score" : "best average score so far");
    out += tile(count_text(run.results->evaluated->step), "step of the best model");
  } else if (!run.history.evaluations.empty()) {
    const auto best = std::ranges::max_element(
        run.history.evaluations, {},
        [](const EvaluationRecord& evaluation) { return evaluation.scores.average; });
    out += tile(figure_text(best->scores.average), "best average score so far");
  }
  if (run.history.steps > 0) out += tile(count_text(run.history.steps), "steps");
  if (run.history.rows > 0)
    out += tile(short_count(static_cast<double>(run.history.rows)), "rows seen");
  const double seconds = run_seconds(run.history);
  if (seconds > 0.0) out += tile(seconds_text(seconds), "time");
  if (!run.history.times.empty()) {
    out +=
        tile(bytes_text(static_cast<double>(run.history.times.back().peak_bytes)), "peak memory");
  }
  if (run.parameters() > 0) {
    out += tile(short_count(static_cast<double>(run.parameters())), "parameters");
  }
  return out.empty() ? "" : concat("<div class=\"tiles\">\n", out, "</div>\n");
}

/// To the sections that `main` has.
std::string links(const std::vector<AnalysedTask>& tasks, const std::string& main) {
  std::string out;
  const auto add = [&](const std::string& id, const std::string& name) {
    const std::string anchor = html_text(id);
    if (main.find(concat("<section id=\"", anchor, "\">")) == std::string::npos) return;
    out += concat("<a href=\"#", anchor, "\">", html_text(name), "</a>");
  };
  add("scores", "Scores");
  add("training", "Training");
  for (const AnalysedTask& task : tasks) add(task_anchor(task.analysis.task), task.analysis.task);
  add("model", "Parameters");
  add("origin", "How it was made");
  return concat("<nav>", out, "</nav>\n");
}

}  // namespace

std::string run_page(const RunData& run) {
  std::vector<std::string> notes = run.notes;
  std::vector<AnalysedTask> tasks;
  std::vector<std::unique_ptr<RowTexts>> texts;
  for (const TaskPredictions& predictions : run.predictions) {
    const std::string& name = predictions.head.task;
    try {
      const Task* task = run.find_task(name);
      tasks.push_back({&predictions, task, analyse(predictions, task)});
      texts.push_back(task == nullptr
                          ? nullptr
                          : std::make_unique<RowTexts>(*task, run.option_text("data_dir"),
                                                       [&run, name](const std::string& split) {
                                                         return run.data_hash(name, split);
                                                       }));
    } catch (const Error& error) {
      notes.push_back(concat(error.what(), "."));
    }
  }
  constexpr size_t kMostNotes = 20;
  std::string warned;
  for (size_t i = 0; i < std::min(kMostNotes, notes.size()); ++i) {
    warned += concat("<p class=\"warn\">", html_text(notes[i]), "</p>\n");
  }
  return bounded_page([&](const PageLimits& limits) {
    std::string main = warned + scores_section(run, tasks, limits) + training_section(run, limits);
    for (size_t i = 0; i < std::min(limits.tasks, tasks.size()); ++i) {
      main += task_section(tasks[i], texts[i].get(), limits);
    }
    if (limits.tasks < tasks.size()) {
      main += remark(concat("Of ", tasks.size(), " tasks ", limits.tasks, " are shown."));
    }
    main += model_section(run) + origin_section(run);
    return html_page("Run " + run.name,
                     concat("<h1>Run ", html_text(run.name), "</h1>\n", remark(state_text(run)),
                            tiles(run), links(tasks, main)),
                     main);
  });
}

void write_run_report(const std::string& folder) {
  write_file_atomically(folder + kReportName, run_page(read_run(folder)));
}

}  // namespace pals
