#include "catalog/task_file.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/log.h"
#include "catalog/reader.h"
#include "catalog/task_json.h"
#include "tasks/glue.h"
#include "tasks/test_files.h"

namespace pals {
namespace {

Task parse(const std::string& text) { return parse_task(parse_json(text, "t"), "t"); }

std::string parse_error(const std::string& text) {
  return message_of<UsageError>([&] { task_from_json(parse_json(text, "t"), "t"); });
}

/// A task of one TSV file, with `more` keys.
std::string task_with(const std::string& more) {
  return R"({"name": "x", "kind": "classification", "text_a": 0, "label": 1, "train": "a.tsv")" +
         (more.empty() ? "" : ", " + more) + "}";
}

TEST(TaskJson, RoundTripsEveryGlueTask) {
  for (const Task& task : glue_tasks()) {
    EXPECT_EQ(task_from_json(parse_json(json_text(task_to_json(task)), "t"), "t"), task)
        << json_text(task_to_json(task));
  }
}

TEST(TaskJson, RoundTripsOwnTasks) {
  const Task task = parse(R"({"name": "x", "kind": "regression", "label_scale": 2.5,
      "text_a": "q", "label": "y", "train": "a.csv", "dev": "b.jsonl",
      "test": {"path": "c", "format": "tsv", "header": true, "text_a": "z", "label": -1}})");
  EXPECT_EQ(task_from_json(task_to_json(task), "t"), task);
}

TEST(TaskJson, FillsInWhatIsNotSaid) {
  const Task task = parse(R"({"name": "x", "kind": "classification", "labels": [0, true, "b c"],
      "text_a": "q", "text_b": "p", "label": "y",
      "train": "a.csv", "dev": {"path": "b.TSV", "text_a": 0, "text_b": null, "label": 2},
      "dev_other": "d.ndjson", "test": {"path": "c.tsv", "required_columns": 4}})");
  EXPECT_EQ(task.labels, (std::vector<std::string>{"0", "true", "b c"}));
  EXPECT_EQ(task.metrics, (std::vector<Metric>{Metric::kAccuracy}));
  ASSERT_EQ(task.files.size(), 4U);
  EXPECT_EQ(task.files[0].format, FileFormat::kCsv);
  EXPECT_TRUE(task.files[0].header);
  EXPECT_EQ(task.files[0].text_b->name, "p");
  EXPECT_EQ(task.files[1].split, "dev");
  EXPECT_EQ(task.files[1].format, FileFormat::kTsv);
  EXPECT_FALSE(task.files[1].header);
  EXPECT_FALSE(task.files[1].text_b);
  EXPECT_EQ(task.files[1].label->number, 2);
  EXPECT_EQ(task.files[2].format, FileFormat::kJsonl);
  EXPECT_FALSE(task.files[2].header);
  EXPECT_EQ(task.files[3].split, "test");
  EXPECT_FALSE(task.files[3].label);
  EXPECT_EQ(task.files[3].required_columns, 4);
  const Task regression = parse(R"({"name": "x", "kind": "regression", "text_a": 0, "label": 1,
      "train": "a.tsv"})");
  EXPECT_EQ(regression.metrics, (std::vector<Metric>{Metric::kPearson, Metric::kSpearman}));
  EXPECT_EQ(regression.label_scale, 1.0);
}

TEST(TaskJson, ReportsUnknownKeysWithTheNearest) {
  expect_contains(parse_error(task_with(R"("lables": ["a", "b"])")),
                  "t: task \"x\": unknown key \"lables\"; did you mean \"labels\"?");
  expect_contains(parse_error(task_with(R"("dev": {"pth": "b.tsv"})")),
                  "file \"dev\": unknown key \"pth\"; did you mean \"path\"?");
  expect_contains(parse_error(task_with(R"("devel": "b.tsv")")), "did you mean \"dev\"?");
}

TEST(TaskJson, ReportsWrongValues) {
  expect_contains(parse_error("[]"), "want an object");
  expect_contains(parse_error("{}"), "\"name\" is missing");
  expect_contains(parse_error(R"({"name": "a/b", "kind": "regression"})"), "letters, digits");
  expect_contains(parse_error(R"({"name": "a", "kind": "regresion"})"),
                  "did you mean \"regression\"?");
  expect_contains(parse_error(R"({"name": "a", "kind": 3})"), "\"kind\" is number, want a string");
  expect_contains(parse_error(task_with("")), "0 labels");
  expect_contains(parse_error(task_with(R"("labels": ["a"])")), "want at least 2");
  expect_contains(parse_error(task_with(R"("labels": ["a", "a"])")), "listed twice");
  expect_contains(parse_error(task_with(R"("labels": ["a", " b"])")), "white space");
  expect_contains(parse_error(task_with(R"("labels": ["a", 1.5])")), "want a string");
  expect_contains(parse_error(task_with(R"("labels": ["a", "b"], "metrics": ["acuracy"])")),
                  "did you mean \"accuracy\"?");
  expect_contains(parse_error(task_with(R"("labels": ["a", "b"], "metrics": ["pearson"])")),
                  "\"pearson\" is not for the kind classification; use accuracy f1");
  expect_contains(parse_error(task_with(R"("labels": ["a", "b", "c"], "metrics": ["f1"])")),
                  "exactly 2 labels");
  expect_contains(parse_error(task_with(R"("label_scale": 5)")), "for regressions only");
  expect_contains(parse_error(task_with(R"("required_columns": 1e99)")), "want a whole number");
  expect_contains(parse_error(task_with(R"("required_columns": 18446744073709551615)")), "from 1");
  expect_contains(parse_error(task_with(R"("text_b": 100001)")), "from -100000 to 100000");
  expect_contains(parse_error(task_with(R"("text_b": 1)")), "different columns");
  expect_contains(parse_error(task_with(R"("text_b": {})")), "number (from 0; -1 is the last)");
  expect_contains(parse_error(task_with(R"("header": 1)")), "want true or false");
  expect_contains(parse_error(task_with(R"("dev": "data.txt")")), "does not tell the format");
  expect_contains(parse_error(task_with(R"("format": "cvs")")), "did you mean \"csv\"?");
  expect_contains(parse_error(task_with(R"("dev": "b.jsonl")")), "give the columns by name");
  expect_contains(parse_error(task_with(R"("dev": {"path": "b.tsv", "label": null})")),
                  "no \"label\"");
  expect_contains(parse_error(task_with(R"("dev": {})")), "no path");
  expect_contains(parse_error(task_with(R"("header": false, "dev": {"path": "b.tsv",
      "text_b": "name"})")),
                  "\"header\" is false");
  expect_contains(parse_error(R"({"name": "x", "kind": "regression", "label": 1,
      "train": "a.tsv"})"),
                  "no \"text_a\"");
}

TEST(TaskJson, LossesAndAdaptersAreWithinTheirRange) {
  const auto error = [](const std::string& more) {
    const std::string message = parse_error(task_with(R"("labels": ["a", "b"], )" + more));
    EXPECT_LE(message.size(), 300U) << message;
    return message;
  };
  expect_contains(error(R"("loss_weight": -1)"), "want a number from 0");
  expect_contains(error(R"("label_smoothing": 1.5)"), "want a number from 0");
  for (const char* text :
       {R"("loss_weight": "0.5")", R"("label_smoothing": "0.1")", R"("class_weights": ["1", 2])",
        R"("class_weights": {"a": "1", "b": 2})"}) {
    expect_contains(error(text), "is string, want a number, without quotes");
  }
  expect_contains(error(R"("class_weights": "0.5")"), "or \"balanced\"");
  expect_contains(error(R"("class_weights": {"a": 1, "b": 2, "bb": 3})"),
                  "\"class_weights\" has one for \"bb\", which is no label");
  expect_contains(error(R"("class_weights": {"a": 1})"), "has none for \"b\"");
  for (const char* weights : {R"("class_weights": {"a": 1})", R"("class_weights": [1])"}) {
    expect_contains(parse_error(task_with(weights)), "need \"labels\", which lists them all");
  }
  expect_contains(error(R"("adapter": {"rank": 4})"), "\"adapter\" has no \"kind\"; give one");
  expect_contains(error(R"("adapter": "lora")"), "an object {\"kind\": ...}");
}

TEST(TaskJson, SchemesHaveTheirUsualNames) {
  const auto scheme = [](const std::string& name) {
    const Task task = parse(concat(R"({"name": "x", "kind": "tagging", "train": "a.conll", )",
                                   R"("format": "conll", "scheme": ")", name, "\"}"));
    return task_to_json(task)["scheme"];
  };
  for (const char* name : {"bio", "BIO", "iob2", "IOB2"}) EXPECT_EQ(scheme(name), "bio") << name;
  for (const char* name : {"bioes", "IOBES", "iobes"}) EXPECT_EQ(scheme(name), "bioes") << name;
  EXPECT_EQ(scheme("IOB1"), "iob1");
  EXPECT_EQ(scheme("Plain"), "plain");
  expect_contains(message_of<UsageError>([&] { scheme("bilou"); }), "\"bio\", \"iob1\", \"bioes\"");
}

TEST(TaskFile, ReadsTasksRelativeToItsFolder) {
  const TemporaryFolder folder;
  set_quiet(true);
  folder.write("data/train.csv", "text,label\n\"good, really\",pos\nbad,neg\n");
  const std::string path = folder.write("tasks.json", R"({"tasks": [
      {"name": "reviews", "kind": "classification", "text_a": "text", "label": "label",
       "train": "data/train.csv", "dev": "./data/../data/train.csv"}]})");
  const std::vector<Task> tasks = read_task_file(path);
  set_quiet(false);
  ASSERT_EQ(tasks.size(), 1U);
  EXPECT_EQ(tasks[0].labels, (std::vector<std::string>{"neg", "pos"}));
  EXPECT_EQ(tasks[0].files[1].path, folder.path() + "/data/train.csv");
  const ExampleSet set = read_examples(tasks[0], tasks[0].files[0], "elsewhere");
  ASSERT_EQ(set.examples.size(), 2U);
  EXPECT_EQ(set.examples[0].text_a, "good, really");
  EXPECT_EQ(set.examples[0].targets, std::vector<float>{1});
}

TEST(TaskFile, ReportsWhatIsWrongWithTheDocument) {
  const auto error = [](const std::string& text) {
    return message_of<UsageError>([&] { parse_task_file(parse_json(text, "t"), "t", ""); });
  };
  const std::string task = R"({"name": "NAME", "kind": "regression", "text_a": 0, "label": 1,
      "train": "a.tsv"})";
  const auto named = [&](const std::string& name) {
    return std::string(task).replace(task.find("NAME"), 4, name);
  };
  expect_contains(error("[]"), "want an object {\"tasks\"");
  expect_contains(error(R"({"tasks": []})"), "at least one task");
  expect_contains(error("{\"task\": [], \"tasks\": [" + task + "]}"), "unknown key \"task\"");
  expect_contains(error("{\"tasks\": [" + task + "," + task + "]}"), "two tasks are named");
  expect_contains(error("{\"tasks\": [" + named("RTE") + "]}"), "name of a GLUE task");
  expect_contains(error("{\"tasks\": [" + named("all") + "]}"), "meaning of its own");
  expect_contains(error(R"({"tasks": [{"name": "x", "kind": "regression"}]})"), "has no files");
}

TEST(TaskFile, RefusesLossesByWhichNothingIsLearned) {
  const auto document = [](const std::string& more) {
    return "{\"tasks\": [" + task_with(R"("labels": ["a", "b"], )" + more) + "]}";
  };
  const auto error = [&](const std::string& more) {
    return message_of<UsageError>(
        [&] { parse_task_file(parse_json(document(more), "t"), "t", ""); });
  };
  for (const char* zero : {R"("loss_weight": 0)", R"("loss_weight": -0.0)"}) {
    expect_contains(error(zero), "task \"x\": \"loss_weight\" is 0, want a number above 0");
  }
  for (const char* zero :
       {R"("class_weights": [1, 0])", R"("class_weights": {"a": 0.0, "b": 1})"}) {
    expect_contains(error(zero), "\"class_weights\" is 0, want a number above 0");
  }
  expect_contains(error(R"("label_smoothing": 1.0)"), "want a number from 0 to below 1");
}

TEST(TaskFile, AcceptsTheExamplesOfItsDocumentation) {
  const std::string text = read_file(PALS_SOURCE_DIR "/docs/tasks.md", 1 << 20);
  int documents = 0;
  int tasks = 0;
  for (size_t begin = text.find("```json\n"); begin != std::string::npos;
       begin = text.find("```json\n", begin)) {
    begin += 8;
    const std::string block = text.substr(begin, text.find("```", begin) - begin);
    if (!block.starts_with('{')) continue;
    const Json json = parse_json(block, "docs/tasks.md");
    if (json.contains("tasks")) {
      documents += static_cast<int>(parse_task_file(json, "docs/tasks.md", "").size());
    } else {
      parse_task(json, "docs/tasks.md");
      ++tasks;
    }
  }
  EXPECT_EQ(documents, 1);
  EXPECT_GE(tasks, 6) << "the page has an example of more kinds";
}

TEST(TaskFile, NeedsNoDataFilesForAModelsHeads) {
  const TemporaryFolder folder;
  const std::string path = folder.write("tasks.json", R"({"tasks": [
      {"name": "t", "kind": "multi_label", "labels": ["a", "b"], "threshold": "tuned"}]})");
  const std::vector<Task> tasks = read_task_file(path, DataFiles::kIdle);
  EXPECT_TRUE(tasks.front().files.empty());
  EXPECT_EQ(tasks.front().labels.size(), 2U);
  expect_contains(message_of<UsageError>([&] { read_task_file(path); }), "has no files");
}

TEST(TaskFile, WantsAPlaceForLabels) {
  const TemporaryFolder folder;
  const std::string path = folder.write("tasks.json", R"({"tasks": [
      {"name": "x", "kind": "classification", "text_a": 0, "label": 1, "dev": "dev.tsv"}]})");
  expect_contains(message_of<UsageError>([&] { read_task_file(path); }), "neither \"labels\" nor");
  expect_contains(message_of([&] { read_task_file(folder.path() + "/none.json"); }), "none.json");
}

TEST(TaskFile, NamesTheFlagAndTheFileThatMayBeMeant) {
  const TemporaryFolder folder;
  folder.write("tasks.json", "{}");
  folder.write("tast.tsv", "");
  const std::string typo = message_of([&] { read_task_file(folder.path() + "/task.json"); });
  expect_contains(typo, "--task_file: there is no file " + folder.path() + "/task.json");
  expect_contains(typo, "did you mean \"" + folder.path() + "/tasks.json\"?");
  const std::string other = message_of([&] { read_task_file(folder.path() + "/reviews.json"); });
  EXPECT_EQ(other, "--task_file: there is no file " + folder.path() + "/reviews.json");
  expect_contains(message_of([&] { read_task_file(folder.path() + "/no/tasks.json"); }), "no file");
}

}  // namespace
}  // namespace pals
