#include "train/task_board.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <stdexcept>

#include "base/error.h"
#include "base/text_util.h"
#include "data/sampler.h"

namespace pals {
namespace {

constexpr int64_t kMeanOf = 50;     // steps of a task over which its loss is smoothed
constexpr size_t kNumberWidth = 6;  // "-0.123", "12.345"
constexpr const char* kUnknown = "-";

std::string padded(const std::string& text, size_t width) {
  return text + std::string(width - std::min(width, text.size()), ' ');
}

std::string right(const std::string& text, size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

std::string passes_text(double passes) { return format_double(passes, 1); }

}  // namespace

std::vector<BoardTask> board_tasks(const std::vector<std::string>& names, const RunPlan& plan,
                                   int64_t first_step) {
  const std::vector<double> done = plan.passes_until(first_step);
  std::vector<BoardTask> tasks;
  for (size_t i = 0; i < names.size(); ++i) {
    const int64_t steps = steps_per_pass(plan.examples[i], plan.batch_size);
    tasks.push_back({.name = names[i],
                     .passes_done = done[i],
                     .passes_planned = plan.passes[i],
                     .passes_a_step = 1.0 / static_cast<double>(steps)});
  }
  return tasks;
}

TaskBoard::TaskBoard(const std::vector<BoardTask>& tasks) {
  for (const BoardTask& task : tasks) {
    rows_.push_back({.task = task});
    name_width_ = std::max(name_width_, task.name.size());
    passes_width_ = std::max(passes_width_, passes_text(task.passes_planned).size());
  }
}

TaskBoard::Row& TaskBoard::row_of(const std::string& task) {
  const auto row = std::ranges::find(
      rows_, task, [](const Row& r) -> const std::string& { return r.task.name; });
  if (row == rows_.end()) throw std::logic_error("TaskBoard: an unknown task");
  return *row;
}

void TaskBoard::add(const StepRecord& step) {
  Row& row = row_of(step.task);
  const auto steps = static_cast<double>(std::min(++row.steps, kMeanOf));
  row.loss += (step.loss - row.loss) / steps;
  row.last_step = step.step;
  rows_trained_ += step.rows;
}

void TaskBoard::add(const std::vector<TaskScores>& scores) {
  for (const TaskScores& task : scores) row_of(task.task).score = task.score;
}

// What does not fit behind the name is left out, and not cut: half a number would look like another
// one. All tasks' parts are equally long.
std::string TaskBoard::line(const Row& row, int columns) const {
  const std::string loss = row.steps > 0 ? format_double(row.loss, 3) : kUnknown;
  const std::string score = row.score ? format_double(*row.score, 3) : kUnknown;
  const double passes =
      row.task.passes_done + static_cast<double>(row.steps) * row.task.passes_a_step;
  std::string text = padded(row.task.name, name_width_);
  for (const std::string& part :
       {concat("  loss ", right(loss, kNumberWidth)),
        concat("  score ", right(score, kNumberWidth)),
        concat("  passes ", right(passes_text(passes), passes_width_)),
        concat(" of ", right(passes_text(row.task.passes_planned), passes_width_))}) {
    if (std::ssize(text) + std::ssize(part) > columns) break;
    text += part;
  }
  return text;
}

// In the tasks' order.
std::vector<const TaskBoard::Row*> TaskBoard::trained_last(size_t most) const {
  std::vector<const Row*> rows;
  for (const Row& row : rows_) rows.push_back(&row);
  std::ranges::stable_sort(rows, std::greater(), &Row::last_step);
  rows.resize(std::min(most, rows.size()));
  std::ranges::sort(rows);  // as they lie
  return rows;
}

std::vector<std::string> TaskBoard::lines(WindowSize room) const {
  const auto most = static_cast<size_t>(std::max(room.rows, 0));
  constexpr size_t kFew = 3;
  const bool counts_others = rows_.size() > most && most >= kFew;
  std::vector<std::string> lines;
  for (const Row* row : trained_last(counts_others ? most - 1 : most)) {
    lines.push_back(line(*row, room.columns));
  }
  if (counts_others) lines.push_back(concat("and ", rows_.size() - lines.size(), " more"));
  return lines;
}

std::string TaskBoard::rate(double seconds) const {
  if (rows_trained_ == 0 || seconds <= 0.0) return {};
  const double rate = static_cast<double>(rows_trained_) / seconds;
  return format_count(static_cast<uint64_t>(std::llround(rate))) + " rows/s";
}

}  // namespace pals
