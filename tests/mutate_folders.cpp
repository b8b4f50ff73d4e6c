// Damages the files of a model folder and of a run's checkpoints again and again, and opens them as
// the program does, without starting it each time: tests/e2e/test_mutations.py counts on it.
//
//   mutate_folders RUN TEXTS NUMBER SECONDS SEED
//
// RUN is the folder of a finished run with two checkpoints or more; its files are changed and put
// back. TEXTS are lines that every task is asked. Ends after NUMBER mutations or so many SECONDS. A
// line of JSON on stdout counts what became of each format: "refused", "same" answers, "other"
// ones; exit code 1 if there were any of the last.
#include <ATen/Parallel.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log_sink.h"
#include "base/random.h"
#include "base/text_util.h"
#include "model/model_runner.h"
#include "model/open.h"
#include "predict/predictor.h"
#include "predict/render.h"
#include "train/run_folder.h"

namespace pals {
namespace {

constexpr uint64_t kMost = uint64_t{1} << 30;  // bytes of a file

struct Format {
  std::string name, path;
  std::function<std::string()> open;  // what the program makes of it
  std::vector<std::string> right;     // what it may make of it
};

void write(const std::string& path, const std::string& bytes) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream << bytes;
  if (!stream.flush()) fail("cannot write ", path);
}

std::vector<Example> texts_of(const std::string& path) {
  std::vector<Example> texts;
  for (const std::string_view line : split(trim(read_file(path, kMost)), '\n')) {
    texts.push_back({.text_a = std::string(line), .text_b = std::string(line)});
  }
  return texts;
}

std::string answers(const std::string& folder, const std::vector<Example>& texts) {
  const LoadedModel loaded = load_model_folder(folder, at::kFloat);
  const ModelRunner runner(*loaded.model);
  std::string lines;
  // Each task by its name: their order in a file makes no difference.
  std::map<std::string, int> tasks;
  for (const Task& task : loaded.description.tasks) {
    tasks.emplace(task.name, static_cast<int>(tasks.size()));
  }
  for (const auto& [name, number] : tasks) {
    const Predictor predictor(predicting_model(loaded, runner), {number}, {.batch_size = 8});
    const AnswerLines rendered(predictor.tasks(), {.format = AnswerFormat::kJsonl});
    for (const Prediction& prediction : predictor.predict(predictor.encode(texts))) {
      lines += rendered.line("", &prediction);
    }
  }
  return lines;
}

// Weights, moments and state that a run would go on from.
std::string restored(const std::string& run) {
  const SavedDescription saved = read_model_description(run + "/final");
  MultiTaskModel model(saved.model.bert, saved.model.adapters, head_specs(saved.model.tasks),
                       at::kFloat);
  ParameterArena& arena = model.arena();
  arena.prepare_training();
  std::optional<SoundCheckpoint> newest = newest_checkpoint(run + "/checkpoints");
  CheckpointStore store(run + "/checkpoints", 9);
  const std::optional<Json> state = store.restore(arena, {}, std::move(newest));
  if (!state) return "nothing";
  Hasher128 hasher;
  hasher.update(state->dump());
  for (const at::Tensor& buffer : {arena.weights(), arena.first_moment(), arena.second_moment()}) {
    hasher.update(buffer.const_data_ptr(), buffer.nbytes());
  }
  return hasher.hex();
}

// One change of a file's bytes: a bit, a piece that is cut off, out, put in, zeroed, doubled or
// exchanged.
std::string mutated(std::string data, Random& random) {
  constexpr size_t kSizes[] = {1, 2, 8, 64, 1000};
  const auto place = [&] { return data.empty() ? 0 : random.below(data.size()); };
  const size_t at = place(), size = std::min(data.size() - at, kSizes[random.below(5)]);
  switch (random.below(7)) {
    case 0:
      if (!data.empty()) data[at] = static_cast<char>(data[at] ^ (1 << random.below(8)));
      break;
    case 1:
      data.resize(at);
      break;
    case 2:
      data.erase(at, size);
      break;
    case 3:
      for (size_t i = 0; i < size; ++i) {
        data.insert(data.begin() + static_cast<std::ptrdiff_t>(at),
                    static_cast<char>(random.below(256)));
      }
      break;
    case 4:
      data.replace(at, size, size, '\0');
      break;
    case 5:
      data.insert(at, data.substr(at, size));
      break;
    default: {
      const size_t other = place();
      for (size_t i = 0; i < size && other + i < data.size(); ++i) {
        std::swap(data[at + i], data[other + i]);
      }
    }
  }
  return data;
}

std::vector<Format> formats_of(const std::string& run, const std::vector<Example>& texts) {
  const std::string model = run + "/final";
  std::vector<Format> formats;
  const auto of_model = [&](const std::string& file) {
    formats.push_back({file, model + "/" + file, [=] { return answers(model, texts); }, {}});
  };
  for (const char* file :
       {"config.json", "vocab.txt", "tokenizer_config.json", "tasks.json", "model.safetensors"}) {
    of_model(file);
  }
  for (const std::string& task : list_directory(model + "/adapters")) {
    for (const std::string& file : list_directory(model + "/adapters/" + task)) {
      of_model(concat("adapters/", task, "/", file));
    }
  }
  for (Format& format : formats) format.right = {format.open()};
  // Damaged ones are passed over, so that all of them count; the others are held back by a copy.
  const std::string checkpoints = run + "/checkpoints";
  const std::vector<std::string> files = list_directory(checkpoints);
  Format last{"checkpoint", checkpoints + "/" + files.back(), [=] { return restored(run); }, {}};
  const std::string whole = read_file(last.path, kMost);
  last.right.push_back(last.open());
  write(last.path, "damaged");
  last.right.push_back(last.open());
  write(last.path, whole);
  formats.push_back(last);
  return formats;
}

// "refused", "same" or "other"; throws what the program would report as its own fault.
std::string outcome(const Format& format) {
  try {
    const std::string found = format.open();
    return std::ranges::find(format.right, found) != format.right.end() ? "same" : "other";
  } catch (const Error&) {
    return "refused";
  }
}

int run(const std::vector<std::string>& arguments) {
  const std::vector<Example> texts = texts_of(arguments.at(1));
  const int64_t number = parse_int(arguments.at(2)).value();
  const std::chrono::seconds limit(parse_int(arguments.at(3)).value());
  const auto seed = static_cast<uint64_t>(parse_int(arguments.at(4)).value());
  at::set_num_threads(1);
  const LogSink silent([](const std::string&) {});
  const std::vector<Format> formats = formats_of(arguments.at(0), texts);
  const auto end = std::chrono::steady_clock::now() + limit;
  std::map<std::string, std::map<std::string, int64_t>> counts;
  bool wrong = false;
  for (int64_t i = 0; i < number && std::chrono::steady_clock::now() < end; ++i) {
    const Format& format = formats[static_cast<size_t>(i) % formats.size()];
    const std::string whole = read_file(format.path, kMost);
    Random random(seed, static_cast<uint64_t>(i));
    std::string result;
    write(format.path, mutated(whole, random));
    try {
      result = outcome(format);
    } catch (const std::exception& error) {
      result = concat("failed: ", error.what());
    }
    const bool damaged_result = result != "refused" && result != "same";
    if (damaged_result) {
      std::cerr << format.name << ", mutation " << i << " of seed " << seed << ": " << result
                << "\n";
    }
    wrong = wrong || damaged_result;
    write(format.path, whole);
    ++counts[format.name][damaged_result ? "other" : result];
  }
  std::cout << json_text(Json(counts), -1) << "\n";
  return wrong ? 1 : 0;
}

}  // namespace
}  // namespace pals

int main(int argc, char** argv) { return pals::run({argv + 1, argv + argc}); }
