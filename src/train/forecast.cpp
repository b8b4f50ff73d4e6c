#include "train/forecast.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <system_error>

#include "base/error.h"
#include "base/host.h"
#include "base/text_util.h"
#include "kernels/device.h"
#include "model/training_memory.h"
#include "settings/recipes.h"
#include "train/check_options.h"

namespace pals {
namespace {

constexpr size_t kShownTasks = 8;
constexpr double kManyCut = 0.05;
constexpr int64_t kUsualCheckpoints = 2;
constexpr int64_t kFloats = sizeof(float);

std::string millions(int64_t count) {
  return concat(format_double(static_cast<double>(count) / 1e6, 2), " M");
}

/// A text for each task, the first of many.
template <typename TextOf>
std::string of_tasks(const std::vector<TaskForecast>& tasks, const TextOf& text_of) {
  std::vector<std::string> texts;
  for (const TaskForecast& task : tasks) {
    if (texts.size() == kShownTasks) {
      texts.push_back(concat("and ", tasks.size() - kShownTasks, " more tasks"));
      break;
    }
    texts.push_back(concat(task.name, " ", text_of(task)));
  }
  return join(texts, ", ");
}

/// The bytes of checkpoints, which hold weights, two moments and perhaps an average, and of model
/// folders; while one is written the older ones are still there. Best models of tasks may share
/// their encoder's file.
int64_t disk_bytes(const TrainOptions& options, const RunForecast& run) {
  const int64_t model = kFloats * run.parameters();
  const int64_t checkpoints = options.keep_checkpoints.value_or(kUsualCheckpoints) + 1;
  int64_t folders = options.do_eval ? 2 * model : model;  // final, best
  if (options.do_eval && options.save_best_tasks && run.tasks.size() > 1) {
    for (const TaskForecast& task : run.tasks) {
      folders += kFloats * (run.shared_parameters + task.parameters);
    }
  }
  return (options.ema > 0.0 ? 4 : 3) * model * checkpoints + folders;
}

// Kernels that LibTorch's libraries make when they first run, and their threads: 31 MB were seen.
constexpr int64_t kFirstUseBytes = 32 << 20;

/// What this process takes beside the model's state: its libraries and what it has read, then by
/// turns the checkpoint that it goes on from, a batch, and, to evaluate, the weights laid out
/// again.
int64_t other_ram_bytes(const TrainOptions& options, const TrainingMemory& memory, int64_t resident,
                        bool on_cpu) {
  const bool goes_on = !options.overwrite_output_dir && !options.output_dir.empty();
  const int64_t checkpoint =
      goes_on ? largest_checkpoint_bytes(options.output_dir + kCheckpointsName) : 0;
  const int64_t weights = memory.weights + memory.shadow;
  if (!on_cpu) return resident + checkpoint;
  return std::max<int64_t>(0, resident - weights) + kFirstUseBytes +
         std::max({memory.batch, checkpoint, options.do_eval ? weights : 0});
}

// ", the last 400 with the shared part as it is".
std::string polish_text(const StepPlan& steps) {
  if (steps.polish_epochs == 0) return "";
  return concat(", the last ", steps.total_steps - steps.first_steps(),
                " with the shared part as it is");
}

int64_t free_disk_bytes(const std::string& folder) {
  if (folder.empty()) return 0;
  std::filesystem::path path = std::filesystem::absolute(folder);
  std::error_code error;
  while (!std::filesystem::exists(path, error) && path.has_relative_path()) {
    path = path.parent_path();
  }
  const std::filesystem::space_info space = std::filesystem::space(path, error);
  return error ? 0 : static_cast<int64_t>(space.available);
}

}  // namespace

int64_t RunForecast::parameters() const {
  return std::accumulate(
      tasks.begin(), tasks.end(), shared_parameters,
      [](int64_t sum, const TaskForecast& task) { return sum + task.parameters; });
}

double RunForecast::times_bert() const {
  return static_cast<double>(parameters()) /
         static_cast<double>(std::max<int64_t>(1, shared_parameters));
}

RunForecast forecast(const TrainOptions& options, const RunSetup& setup, const RunPlan& plan,
                     int64_t resident) {
  const MultiTaskModel& model = *setup.model;
  const ParameterTable& table = model.arena().table();
  RunForecast run{.shared_parameters = table.count(kSharedOwner),
                  .steps = plan.steps,
                  .uncapped_steps = plan.uncapped_steps,
                  .recipe = recipe_text(options)};
  for (size_t i = 0; i < plan.examples.size(); ++i) {
    run.tasks.push_back({.name = setup.description.tasks[i].name,
                         .parameters = table.count(static_cast<int>(i)),
                         .examples = plan.examples[i],
                         .passes = plan.passes[i]});
  }
  const int64_t rows = options.train_batch_size / options.gradient_accumulation_steps;
  const TrainingMemory memory = training_memory(model, rows * options.max_seq_length);
  const bool on_cpu = model.device().is_cpu();
  // Of a model on a device the host holds what it reads and writes: the weights, and in
  // checkpoints the moments.
  run.memory.ram = (on_cpu ? memory.model() : memory.weights + memory.moments + memory.average) +
                   other_ram_bytes(options, memory, resident, on_cpu);
  if (!on_cpu) {
    run.memory.gpu = memory.model() + memory.batch;
    run.free_gpu = accelerator_of(model.device())->info(model.device().index()).free_memory;
  }
  // What the process holds already is not free, but its own.
  run.free_ram = available_memory_bytes();
  if (run.free_ram > 0) run.free_ram += resident;
  run.memory.disk = disk_bytes(options, run);
  run.free_disk = free_disk_bytes(options.output_dir);
  return run;
}

void add_warnings(const TrainOptions& options, RunForecast& run) {
  const auto warn = [&](const auto&... parts) { run.warnings.push_back(concat(parts...)); };
  for (const TaskForecast& task : run.tasks) {
    if (task.passes > static_cast<double>(kMostPasses)) {
      const Sampling sampling = options.sample.value_or(Sampling::kRoundRobin);
      const bool by_size = sampling == Sampling::kAnneal || sampling == Sampling::kProportional;
      warn("task ", task.name, " of ", counted(task.examples, "row"), " is seen ",
           format_double(task.passes, 0), " times; fewer --max_steps",
           by_size ? "" : " or --sample anneal or prop", ", so that it is not learned by heart");
    } else if (task.passes == 0.0) {
      warn("task ", task.name, " is in no step; more --max_steps, or --sample rr");
    }
    const double cut = task.texts == 0
                           ? 0.0
                           : static_cast<double>(task.full_rows) / static_cast<double>(task.texts);
    if (cut >= kManyCut) {
      warn("task ", task.name, ": ", format_double(100.0 * cut, 0), " % of the texts fill all of ",
           "--max_seq_length ", options.max_seq_length, ", most of them cut; `pals check` tells ",
           "how long they are");
    }
  }
  const auto check_room = [&](const char* what, int64_t needed, int64_t free, const char* advice) {
    if (free > 0 && needed > free) {
      warn(what, ": ", gigabytes(needed), " may be needed, ", gigabytes(free), " are free; ",
           advice);
    }
  };
  check_room("memory", run.memory.ram, run.free_ram,
             "a smaller --train_batch_size, --max_seq_length or --recompute");
  check_room("the GPU's memory", run.memory.gpu, run.free_gpu,
             "a smaller --train_batch_size, more --gradient_accumulation_steps or --recompute");
  check_room("the disk of --output_dir", run.memory.disk, run.free_disk,
             "--keep_checkpoints 1 or --save_best_tasks 0");
}

std::vector<std::string> forecast_lines(const RunForecast& run) {
  std::vector<std::string> lines;
  lines.push_back(concat(
      "parameters: ", millions(run.shared_parameters), " shared, ",
      of_tasks(run.tasks, [](const TaskForecast& task) { return millions(task.parameters); }), ": ",
      format_double(run.times_bert(), 2), " x one BERT"));
  lines.push_back(
      concat("memory: at most about ", gigabytes(run.memory.ram),
             run.memory.gpu > 0 ? concat(", on the GPU ", gigabytes(run.memory.gpu)) : "",
             "; on the disk ", gigabytes(run.memory.disk), " for checkpoints and best models"));
  lines.push_back(concat(
      "steps: ", run.steps.total_steps, " in ", counted(run.steps.num_epochs, "epoch"),
      polish_text(run.steps), "; passes: ", of_tasks(run.tasks, [](const TaskForecast& task) {
        return concat(format_double(task.passes, 1), " of ", counted(task.examples, "row"));
      })));
  if (run.steps.total_steps < run.uncapped_steps) {
    const auto most = std::ranges::max_element(run.tasks, {}, &TaskForecast::passes);
    lines.push_back(concat("fewer steps than ", run.uncapped_steps, ", so that task ", most->name,
                           " is not seen more than ", kMostPasses,
                           " times; --max_steps or --steps_per_epoch say otherwise"));
  }
  if (!run.recipe.empty()) lines.push_back(run.recipe);
  if (!run.teachers.empty()) {
    lines.push_back(concat("teachers: ", join(run.teachers, "; "),
                           run.teacher_seconds < 0.0
                               ? ""
                               : concat("; about ", format_duration(run.teacher_seconds),
                                        " for their outputs, unless the cache has them")));
  }
  if (run.seconds >= 0.0) {
    lines.push_back(concat("time here: about ", format_duration(run.seconds)));
  }
  for (const std::string& warning : run.warnings) lines.push_back("warning: " + warning);
  return lines;
}

OrderedJson forecast_json(const RunForecast& run) {
  OrderedJson parameters = OrderedJson::object(), passes = OrderedJson::object();
  for (const TaskForecast& task : run.tasks) {
    parameters[task.name] = task.parameters;
    passes[task.name] = task.passes;
  }
  OrderedJson json = {
      {"parameters",
       {{"shared", run.shared_parameters},
        {"tasks", std::move(parameters)},
        {"total", run.parameters()},
        {"times_bert", run.times_bert()}}},
      {"steps", run.steps.total_steps},
      {"epochs", run.steps.num_epochs},
      {"steps_per_epoch", run.steps.steps_per_epoch},
      {"passes", std::move(passes)},
      {"memory", {{"ram", run.memory.ram}, {"gpu", run.memory.gpu}, {"disk", run.memory.disk}}},
      {"seconds", run.seconds},
      {"warnings", run.warnings}};
  if (!run.recipe.empty()) json["recipe"] = run.recipe;
  if (!run.teachers.empty()) {
    json["teachers"] = run.teachers;
    json["teacher_seconds"] = run.teacher_seconds;
  }
  return json;
}

}  // namespace pals
