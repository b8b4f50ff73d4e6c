#include "catalog/same_task.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/log_sink.h"

namespace pals {
namespace {

using Order = std::vector<int64_t>;

Task reviews() {
  return {.name = "reviews",
          .labels = {"bad", "fair", "good"},
          .metrics = {Metric::kAccuracy},
          .files = {{.split = "train",
                     .path = "a.tsv",
                     .text_a = {.name = "title"},
                     .text_b = Column{.name = "text"},
                     .label = Column{.name = "label"}}}};
}

Task stars() {
  return {.name = "stars",
          .kind = TaskKind::kRegression,
          .metrics = {Metric::kPearson},
          .label_scale = 5};
}

// What match_task says, or of its refusal.
struct Outcome {
  Order order;
  std::string refused, said;
};

Outcome match(const Task& trained, const Task& now) {
  Outcome outcome;
  const LogSink sink([&](const std::string& line) { outcome.said += line; });
  try {
    outcome.order = match_task(trained, now, "t.json", "; mend it");
  } catch (const Error& error) {
    outcome.refused = error.what();
  }
  return outcome;
}

void expect_refused(const Task& trained, const Task& now, const std::string& difference) {
  EXPECT_EQ(match(trained, now).refused,
            concat("t.json: task ", trained.name, " is not the one that was trained: ", difference,
                   "; mend it"));
}

TEST(SameTask, TheSameNeedsNoOrderAndSaysNothing) {
  for (const Task& task : {reviews(), stars()}) {
    const Outcome outcome = match(task, task);
    EXPECT_EQ(outcome.order, Order{});
    EXPECT_EQ(outcome.refused + outcome.said, "");
  }
  Task moved = reviews();
  moved.files[0].path = "b.csv";
  moved.files[0].format = FileFormat::kCsv;
  moved.files[0].header = true;
  EXPECT_EQ(match(reviews(), moved).said, "");
}

TEST(SameTask, LabelsAreMappedByName) {
  Task now = reviews();
  now.labels = {"good", "bad", "fair"};
  const Outcome outcome = match(reviews(), now);
  EXPECT_EQ(outcome.order, (Order{2, 0, 1}));
  EXPECT_EQ(outcome.refused + outcome.said, "");
}

TEST(SameTask, OtherLabelsAreRefused) {
  Task now = reviews();
  now.labels = {"bad", "fair", "great"};
  expect_refused(reviews(), now, "labels was \"bad, fair, good\", now \"bad, fair, great\"");
  now.labels = {"bad", "good"};
  expect_refused(reviews(), now, "labels was \"bad, fair, good\", now \"bad, good\"");
  now.labels = {"bad", "fair", "good", "great"};
  expect_refused(reviews(), now, "labels was \"bad, fair, good\", now \"bad, fair, good, great\"");
}

TEST(SameTask, LabelsThatAreNoOutputsHaveOneOrder) {
  Task trained = stars(), now = stars();
  trained.labels = {"1", "2"};
  now.labels = {"2", "1"};
  EXPECT_EQ(match(trained, trained).refused, "");
  expect_refused(trained, now, "labels was \"1, 2\", now \"2, 1\"");
}

TEST(SameTask, AnotherKindOrScaleIsRefused) {
  Task now = stars();
  now.label_scale = 100;
  expect_refused(stars(), now, "label_scale was \"5.0\", now \"100.0\"");
  now = stars();
  now.kind = TaskKind::kClassification;
  expect_refused(stars(), now, "kind was \"regression\", now \"classification\"");
}

TEST(SameTask, ExchangedTextsAreRefused) {
  Task now = reviews();
  now.files[0].text_a = {.name = "text"};
  now.files[0].text_b = Column{.name = "title"};
  expect_refused(reviews(), now,
                 "train, text_a was \"title\", now \"text\"; train, text_b was \"text\", now "
                 "\"title\"");
  now.files[0].split = "dev";  // of another split alone
  EXPECT_NE(match(reviews(), now).refused, "");
  now = reviews();
  now.files[0].text_b.reset();
  expect_refused(reviews(), now, "what it reads was \"pairs of texts\", now \"single texts\"");
}

TEST(SameTask, WhatElseDiffersIsSaid) {
  Task now = reviews();
  now.files[0].text_a = {.name = "head"};
  now.metrics = {Metric::kMatthews};
  const Outcome outcome = match(reviews(), now);
  EXPECT_EQ(outcome.refused, "");
  EXPECT_EQ(outcome.said,
            "t.json: other than in training: task reviews, metrics was \"accuracy\", now "
            "\"matthews\"; task reviews, text_a was \"title\", now \"head\"");
  Task span{.name = "where",
            .kind = TaskKind::kSpan,
            .metrics = {Metric::kF1},
            .settings = SpanOptions{.null_threshold = -1}};
  Task other = span;
  other.settings = SpanOptions{.null_threshold = 2};
  EXPECT_EQ(match(span, other).said,
            "t.json: other than in training: task where, null_threshold was \"-1.0\", now "
            "\"2.0\"");
}

}  // namespace
}  // namespace pals
