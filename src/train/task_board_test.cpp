#include "train/task_board.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pals {
namespace {

using Lines = std::vector<std::string>;

StepRecord step_of(const std::string& task, int64_t step, double loss) {
  return {.step = step, .task = task, .loss = loss, .rows = 8};
}

std::vector<BoardTask> tasks_named(const std::vector<std::string>& names) {
  std::vector<BoardTask> tasks;
  for (const std::string& name : names) {
    tasks.push_back({.name = name, .passes_planned = 3.0, .passes_a_step = 0.1});
  }
  return tasks;
}

WindowSize rows(int number) { return {.columns = 100, .rows = number}; }

TEST(TaskBoard, ShowsWhatIsKnownOfEachTask) {
  std::vector<BoardTask> tasks = tasks_named({"rte", "reviews"});
  tasks[1].passes_done = 2.0;
  tasks[1].passes_planned = 11.5;
  TaskBoard board(tasks);
  EXPECT_EQ(board.lines(rows(20)),
            (Lines{"rte      loss      -  score      -  passes  0.0 of  3.0",
                   "reviews  loss      -  score      -  passes  2.0 of 11.5"}));
  EXPECT_EQ(board.rate(2.0), "");
  for (int64_t step = 0; step < 5; ++step) board.add(step_of("reviews", step, 0.5));
  const std::vector<TaskScores> scores = {{.task = "rte", .score = 0.61234},
                                          {.task = "reviews", .score = -0.25}};
  board.add(scores);
  EXPECT_EQ(board.lines(rows(20)),
            (Lines{"rte      loss      -  score  0.612  passes  0.0 of  3.0",
                   "reviews  loss  0.500  score -0.250  passes  2.5 of 11.5"}));
  EXPECT_EQ(board.rate(2.0), "20 rows/s");
  EXPECT_EQ(board.rate(0.0), "");
}

TEST(TaskBoard, LossIsAMeanOfTheLastSteps) {
  TaskBoard board(tasks_named({"rte"}));
  board.add(step_of("rte", 0, 1.0));
  board.add(step_of("rte", 1, 0.5));
  EXPECT_EQ(board.lines(rows(1)), Lines{"rte  loss  0.750  score      -  passes 0.2 of 3.0"});
  for (int64_t step = 2; step < 1000; ++step) board.add(step_of("rte", step, 0.125));
  EXPECT_TRUE(board.lines(rows(1)).front().starts_with("rte  loss  0.125"));
}

TEST(TaskBoard, WhereRoomIsShortShowsTheTasksTrainedLast) {
  TaskBoard board(tasks_named({"a", "b", "c", "d"}));
  const auto shown = [&](int most) {
    std::string names;
    for (const std::string& line : board.lines(rows(most))) {
      names += line.starts_with("and ") ? ", " + line : line.substr(0, 1);
    }
    return names;
  };
  EXPECT_EQ(shown(4), "abcd");
  EXPECT_EQ(shown(3), "ab, and 2 more");
  board.add(step_of("d", 0, 0.5));
  board.add(step_of("b", 1, 0.5));
  board.add(step_of("d", 2, 0.5));
  EXPECT_EQ(shown(3), "bd, and 2 more");
  EXPECT_EQ(shown(2), "bd");
  EXPECT_EQ(shown(1), "d");
  EXPECT_EQ(shown(0), "");
  EXPECT_EQ(shown(-3), "");
}

TEST(TaskBoard, WhatDoesNotFitTheColumnsIsLeftOut) {
  const TaskBoard board(tasks_named({"rte"}));
  const std::string whole = "rte  loss      -  score      -  passes 0.0 of 3.0";
  for (int columns = 0; columns < 60; ++columns) {
    const std::string line = board.lines({.columns = columns, .rows = 1}).front();
    const int width = columns >= 49   ? 49
                      : columns >= 42 ? 42
                      : columns >= 30 ? 30
                      : columns >= 16 ? 16
                                      : 3;
    EXPECT_EQ(line, whole.substr(0, static_cast<size_t>(width))) << columns;
  }
}

TEST(TaskBoard, PassesGoOnFromThoseOfEarlierProcesses) {
  TrainOptions options;
  options.max_steps = 100;
  const RunPlan plan(options, {{.name = "rte"}, {.name = "sst"}}, {320, 64});
  const std::vector<BoardTask> tasks = board_tasks({"rte", "sst"}, plan, 40);
  EXPECT_DOUBLE_EQ(tasks[0].passes_done, 2.0);
  EXPECT_DOUBLE_EQ(tasks[0].passes_planned, 5.0);
  EXPECT_DOUBLE_EQ(tasks[0].passes_a_step, 0.1);
  EXPECT_DOUBLE_EQ(tasks[1].passes_done, 10.0);
  EXPECT_EQ(TaskBoard(tasks).lines(rows(2)).back(),
            "sst  loss      -  score      -  passes 10.0 of 25.0");
}

}  // namespace
}  // namespace pals
