// Whole runs of `pals train` on the simulated device: the log, checkpoints, results and model
// folders are those of a run on the CPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "model/open.h"
#include "model/test_models.h"
#include "simulated_device.h"
#include "tasks/test_files.h"
#include "train/memory_check.h"
#include "train/trainer.h"

namespace pals {
namespace {

using testing::simulated_device;

constexpr const char* kWords[] = {"good", "bad", "film", "rain", "very", "not", "a", "the"};

// Rows of two labels, which the first word tells.
std::string rows(uint64_t seed, int count) {
  Random random(seed, 1);
  std::string text = "label\ttext\n";
  for (int i = 0; i < count; ++i) {
    const auto label = random.below(2);
    text += concat(label, "\t", kWords[label]);
    for (uint64_t word = random.below(9); word > 0; --word) {
      text += concat(" ", kWords[2 + random.below(6)]);
    }
    text += "\n";
  }
  return text;
}

class DeviceRun : public ::testing::Test {
 protected:
  void SetUp() override {
    set_quiet(true);
    simulated_device();
    std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
    for (const char* word : kWords) vocabulary += concat(word, "\n");
    folder_.write("vocab.txt", vocabulary);
    folder_.write("config.json", json_text(bert_config_to_json(testing::tiny_bert())));
    for (const char* task : {"one", "two"}) {
      folder_.write(concat(task, "-train.tsv"), rows(task[0], 60));
      folder_.write(concat(task, "-dev.tsv"), rows(task[1], 20));
    }
    Json tasks = Json::array();
    for (const char* task : {"one", "two"}) {
      tasks.push_back({{"name", task},
                       {"kind", "classification"},
                       {"labels", {"0", "1"}},
                       {"text_a", "text"},
                       {"label", "label"},
                       {"train", concat(task, "-train.tsv")},
                       {"dev", concat(task, "-dev.tsv")}});
    }
    folder_.write("tasks.json", json_text(Json{{"tasks", tasks}}));
  }
  void TearDown() override { set_quiet(false); }

  TrainOptions options(const std::string& name, const DeviceChoice& device) const {
    TrainOptions options;
    options.task_file = path("tasks.json");
    options.bert_config_file = path("config.json");
    options.vocab_file = path("vocab.txt");
    options.adapter = "pals";
    options.adapter_size = 12;
    options.cache_dir = "";
    options.max_seq_length = 16;
    options.train_batch_size = 8;
    options.learning_rate = 1e-3;
    options.steps_per_epoch = 60;
    options.num_train_epochs = 2;
    options.precision = PrecisionChoice::kFloat;
    options.do_train = options.do_eval = true;
    options.keep_checkpoints = 2;
    options.device = device;
    options.output_dir = path(name);
    return options;
  }

  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }

  std::vector<Json> log(const std::string& run) const {
    std::vector<Json> lines;
    const MappedFile file(path(run) + "/metrics.jsonl");
    std::string_view rest = file.bytes();
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      lines.push_back(Json::parse(rest.substr(0, end)));
      rest.remove_prefix(end + 1);
    }
    return lines;
  }

  // A run that goes on logs its start once more.
  static std::vector<Json> steps_of(std::vector<Json> lines) {
    std::erase_if(lines, [](const Json& line) { return !line.contains("step"); });
    return lines;
  }

  TemporaryFolder folder_;
};

TEST_F(DeviceRun, IsTheCpus) {
  train(options("here", {DeviceType::kCpu}));
  train(options("there", testing::kSimulatedDevice));
  const std::vector<Json> here = log("here"), there = log("there");
  ASSERT_EQ(there.size(), here.size());
  int64_t steps = 0;
  for (size_t i = 0; i < here.size(); ++i) {
    if (!here[i].contains("step")) continue;
    EXPECT_EQ(there[i].at("step"), steps);
    EXPECT_EQ(there[i].at("task"), here[i].at("task"));
    EXPECT_NEAR(there[i].at("loss").get<double>(), here[i].at("loss").get<double>(), 1e-3) << i;
    ++steps;
  }
  EXPECT_EQ(steps, 120);

  // Either device reads what the other wrote.
  const auto on_cpu = load_model_folder(path("there/final"), at::kFloat);
  const auto on_device = load_model_folder(path("there/final"), at::kFloat, simulated_device());
  const PackedBatch batch = testing::pack(testing::rows_of(testing::tiny_rows(3), 0));
  EXPECT_TRUE(at::allclose(on_device.model->forward(batch).logits.front().cpu(),
                           on_cpu.model->forward(batch).logits.front(), 1e-5, 1e-6));
}

TEST_F(DeviceRun, GoesOnFromTheCpusCheckpoint) {
  TrainOptions first = options("run", {DeviceType::kCpu});
  train(options("whole", {DeviceType::kCpu}));
  train(first);
  // As if it had been stopped after the first epoch.
  for (const char* name : {"/checkpoints/step-0000000120.safetensors", "/eval_results.json"}) {
    std::filesystem::remove(path("run") + name);
  }
  train(options("run", testing::kSimulatedDevice));
  const std::vector<Json> whole = steps_of(log("whole")), resumed = steps_of(log("run"));
  ASSERT_EQ(resumed.size(), whole.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_EQ(resumed[i].at("step"), whole[i].at("step"));
    EXPECT_NEAR(resumed[i].at("loss").get<double>(), whole[i].at("loss").get<double>(), 1e-3) << i;
  }
  EXPECT_TRUE(file_exists(path("run") + "/eval_results.json"));
}

TEST_F(DeviceRun, TellsItsCallbacks) {
  set_quiet(false);
  std::vector<std::string> lines;
  std::vector<StepRecord> steps;
  std::vector<EvaluationRecord> evaluations;
  ::testing::internal::CaptureStderr();
  const TrainResult result = train(options("run", testing::kSimulatedDevice), {},
                                   {.log = [&](const std::string& line) { lines.push_back(line); },
                                    .step =
                                        [&](const StepRecord& step, int64_t total) {
                                          EXPECT_EQ(total, 120);
                                          EXPECT_EQ(step.step, std::ssize(steps));
                                          steps.push_back(step);
                                        },
                                    .evaluation =
                                        [&](const EvaluationRecord& record) {
                                          EXPECT_EQ(record.after_step, std::ssize(steps));
                                          evaluations.push_back(record);
                                        }});
  const std::string shown = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(shown.find("model: "), std::string::npos) << shown;
  EXPECT_TRUE(
      std::ranges::any_of(lines, [](const auto& line) { return line.starts_with("model: "); }));
  EXPECT_EQ(steps.size(), 120U);
  ASSERT_EQ(evaluations.size(), 2U);
  ASSERT_TRUE(result.scores && result.scores->evaluated);
  EXPECT_EQ(result.scores->evaluated->last, evaluations.back().scores);
  EXPECT_EQ(steps_of(log("run")).at(0).at("loss"), steps[0].loss);
}

/// A device with little memory left, until the end of a test.
class ShortOfMemory {
 public:
  explicit ShortOfMemory(int64_t bytes) { testing::set_free_memory(bytes); }
  ~ShortOfMemory() { testing::set_free_memory(int64_t{2} << 30); }
  ShortOfMemory(const ShortOfMemory&) = delete;
  ShortOfMemory& operator=(const ShortOfMemory&) = delete;
};

std::string error_of(const TrainOptions& options) {
  try {
    train(options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_F(DeviceRun, SaysWhatItLacksBeforeTheFirstStep) {
  const ShortOfMemory device(120'000);  // weights fit, gradients and moments beside them do not
  const std::string error = error_of(options("run", testing::kSimulatedDevice));
  EXPECT_TRUE(error.starts_with("not enough memory: training takes ")) << error;
  for (const char* part : {"weights", "gradients", "moments", "tokens", "a pretence",
                           "--train_batch_size", "--recompute"}) {
    EXPECT_NE(error.find(part), std::string::npos) << error;
  }
}

TEST_F(DeviceRun, SaysWhatItLacksInAStep) {
  const MultiTaskModel model(testing::tiny_bert(), testing::tiny_adapter("none"),
                             testing::tiny_heads(), at::kFloat, Frozen::kNothing,
                             simulated_device());
  const ShortOfMemory device(1000);
  try {
    within_memory(model, 77, [] {
      at::empty({1 << 20}, at::TensorOptions(at::kFloat).device(simulated_device()));
    });
    FAIL() << "there was enough";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with("out of memory: ")) << text;
    EXPECT_NE(text.find("77 tokens"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace pals
