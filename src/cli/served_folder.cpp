#include "cli/served_folder.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <future>
#include <optional>
#include <system_error>
#include <utility>

#include "adapters/registry.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text_util.h"
#include "kernels/device.h"
#include "model/model_runner.h"
#include "model/open.h"
#include "modules/precision_choice.h"
#include "serve/error.h"
#include "serve/tar.h"

namespace pals {

/// A network and what runs it.
class ServedNetwork {
 public:
  explicit ServedNetwork(LoadedModel model) : loaded(std::move(model)), runner(*loaded.model) {}

  LoadedModel loaded;
  ModelRunner runner;
};

namespace {

/// A task's hold on its parameters: once it was given up and nobody asks the task any more, the
/// network lets go of them.
class TaskLease {
 public:
  TaskLease(std::shared_ptr<ServedNetwork> network, std::shared_ptr<NetworkThread> thread,
            int number)
      : network_(std::move(network)), thread_(std::move(thread)), number_(number) {}
  ~TaskLease() {
    if (!given_up_) return;
    thread_->post([network = network_, number = number_] { remove_task(network->loaded, number); });
  }
  TaskLease(const TaskLease&) = delete;
  TaskLease& operator=(const TaskLease&) = delete;

  void give_up() { given_up_ = true; }

 private:
  std::shared_ptr<ServedNetwork> network_;
  std::shared_ptr<NetworkThread> thread_;
  int number_;
  std::atomic<bool> given_up_ = false;
};

/// What is known of a task's number, whatever becomes of the network's tasks later.
struct KnownTask {
  HeadShape shape = {};
  int trunk = -1;  ///< equal for tasks that share theirs; never used again for another
  std::shared_ptr<TaskLease> lease = {};
};

/// A network's tasks at one moment, so that any thread may ask about them while others come and go.
class SnapshotRunner : public Runner {
 public:
  SnapshotRunner(std::shared_ptr<ServedNetwork> network, std::vector<KnownTask> tasks,
                 int next_trunk)
      : network_(std::move(network)), tasks_(std::move(tasks)), next_trunk_(next_trunk) {}

  RunOutputs run(const PackedBatch& batch, const Wanted& wanted) const override {
    return network_->runner.run(batch, wanted);
  }
  bool shares_trunk(int task, int other) const override {
    return known(task).trunk == known(other).trunk;
  }
  HeadShape head_shape(int task) const override { return known(task).shape; }
  int64_t hidden_size() const override { return network_->runner.hidden_size(); }

  const KnownTask& known(int task) const { return tasks_[static_cast<size_t>(task)]; }

  /// The same without a task, if it was one, or with another one that the network has taken in.
  std::shared_ptr<const SnapshotRunner> without(int task) const {
    std::vector<KnownTask> tasks = tasks_;
    tasks[static_cast<size_t>(task)] = {};
    return std::make_shared<SnapshotRunner>(network_, std::move(tasks), next_trunk_);
  }
  std::shared_ptr<const SnapshotRunner> with(int task,
                                             const std::shared_ptr<NetworkThread>& thread) const {
    std::vector<KnownTask> tasks = tasks_;
    const auto place = static_cast<size_t>(task);
    tasks.resize(std::max(tasks.size(), place + 1));
    int next_trunk = next_trunk_;
    const auto same = std::ranges::find_if(tasks, [&](const KnownTask& other) {
      const auto number = static_cast<int>(&other - tasks.data());
      return other.trunk >= 0 && network_->runner.shares_trunk(number, task);
    });
    tasks[place] = {.shape = network_->runner.head_shape(task),
                    .trunk = same == tasks.end() ? next_trunk++ : same->trunk,
                    .lease = std::make_shared<TaskLease>(network_, thread, task)};
    return std::make_shared<SnapshotRunner>(network_, std::move(tasks), next_trunk);
  }

 private:
  std::shared_ptr<ServedNetwork> network_;
  std::vector<KnownTask> tasks_;
  int next_trunk_;
};

/// Adds a task without adapter, whose head nobody asks: its trunk is the shared encoder.
int add_encoder(MultiTaskModel& model, const std::vector<AdapterConfig>& adapters) {
  const bool needs_own = std::ranges::all_of(adapters, &AdapterConfig::task_pooler);
  const AdapterConfig none =
      resolve_adapter({.task_pooler = needs_own}, model.bert_config(), "the shared encoder");
  const int number = model.add_task(none, {.num_outputs = 1});
  model.task_arena(number).refresh_shadow();
  model.pack_task(number);
  return number;
}

std::string name_of_folder(const std::string& path) {
  const auto absolute = std::filesystem::absolute(path).lexically_normal();
  return (absolute.has_filename() ? absolute : absolute.parent_path()).filename().string();
}

const SnapshotRunner& runner_of(const ServedModel& model) {
  return dynamic_cast<const SnapshotRunner&>(*model.runner);
}

void blank(ServedModel& model, int task) {
  runner_of(model).known(task).lease->give_up();
  model.runner = runner_of(model).without(task);
  model.tasks[static_cast<size_t>(task)] = {};
}

/// A task's files in a folder of their own, which vanishes.
class StagedTask {
 public:
  StagedTask(const std::string& task, std::string_view archive, const std::string& served) {
    const std::vector<TarEntry> files = read_tar(archive, "the archive");
    std::string folder = (std::filesystem::temp_directory_path() / "pals-task-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) fail("cannot make ", folder);
    path_ = folder;
    const std::string own = concat("adapters/", task, "/");
    bool has_config = false;
    for (const TarEntry& file : files) {
      const bool fits = file.name == "tasks.json" || file.name == "config.json" ||
                        (file.name.starts_with(own) && file.name.size() > own.size() &&
                         file.name.find('/', own.size()) == std::string::npos);
      if (!fits) {
        fail("the archive: ", quote(file.name), " is none of tasks.json, config.json and ", own,
             "*");
      }
      has_config = has_config || file.name == "config.json";
      make_directories(std::filesystem::path(path_ / file.name).parent_path().string());
      write_file_atomically((path_ / file.name).string(), file.bytes);
    }
    if (!has_config) std::filesystem::copy_file(served + kConfigFile, path() + kConfigFile);
    keep_task(task);
  }
  ~StagedTask() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  StagedTask(const StagedTask&) = delete;
  StagedTask& operator=(const StagedTask&) = delete;

  std::string path() const { return path_.string(); }

 private:
  /// Leaves the other tasks of tasks.json out, whose files did not come along.
  void keep_task(const std::string& task) const {
    Json json = read_json(path() + kTasksFile);
    const bool has_list = json.is_object() && json.contains("tasks") && json["tasks"].is_array();
    if (!has_list) fail("the archive: tasks.json is no {\"tasks\": [...]}");
    Json kept = Json::array();
    for (const Json& one : json["tasks"]) {
      if (one.is_object() && one.contains("name") && one["name"] == task) kept.push_back(one);
    }
    if (kept.size() != 1) {
      fail("the archive: tasks.json has ", kept.size(), " tasks ", quote(task), ", expected one");
    }
    write_file_atomically(path() + kTasksFile, json_text(Json{{"tasks", kept}}));
  }

  std::filesystem::path path_;
};

}  // namespace

void NetworkThread::use(Batcher* batcher) {
  const std::lock_guard lock(mutex_);
  batcher_ = batcher;
}

bool NetworkThread::post(std::function<void()> action) {
  const std::lock_guard lock(mutex_);
  if (batcher_ == nullptr) return false;
  batcher_->between_batches(std::move(action));
  return true;
}

ServedFolder::ServedFolder(std::string path, const Precision& precision, at::Device device,
                           std::shared_ptr<NetworkThread> thread)
    : path_(std::move(path)),
      thread_(std::move(thread)),
      network_(std::make_shared<ServedNetwork>(load_model_folder(path_, precision, device))) {
  LoadedModel& loaded = network_->loaded;
  const ModelDescription& description = loaded.description;
  auto served = std::make_shared<ServedModel>();
  served->encoder = add_encoder(*loaded.model, description.adapters);
  served->has_pooler = loaded.has_pooler;
  served->tasks = description.tasks;
  served->max_seq_length = description.max_seq_length;
  served->tokenizer = std::make_shared<Tokenizer>(*loaded.tokenizer);
  served->name = name_of_folder(path_);
  const BertConfig& bert = description.bert;
  served->facts = {{"model_dtype", name_of(choice_of(precision))},
                   {"model_type", {{"embedding", {{"pooling", "mean"}}}}},
                   {"device", device_name(device)},
                   {"hidden_size", bert.hidden_size},
                   {"num_hidden_layers", bert.num_hidden_layers},
                   {"vocab_size", bert.vocab_size},
                   {"adapters", adapter_kinds_text(description.adapters)}};
  auto runner = std::make_shared<const SnapshotRunner>(network_, std::vector<KnownTask>(), 0);
  for (int task = 0; task < loaded.model->num_tasks(); ++task) {
    runner = runner->with(task, thread_);
  }
  served->runner = runner;
  model_ = served;
}

int ServedFolder::find(const std::string& task) const {
  const auto found = std::ranges::find(model_->tasks, task, &Task::name);
  return found == model_->tasks.end() ? -1 : static_cast<int>(found - model_->tasks.begin());
}

std::shared_ptr<const ServedModel> ServedFolder::put(const std::string& task,
                                                     std::string_view archive) {
  const StagedTask staged(task, archive, path_);
  const int old = find(task);
  std::promise<std::shared_ptr<const ServedModel>> done;
  const bool is_posted = thread_->post([&] {
    std::vector<Task>& names = network_->loaded.description.tasks;
    try {
      if (old >= 0) names[static_cast<size_t>(old)].name.clear();  // free for the new one
      const int number = add_task(network_->loaded, staged.path(), task);
      auto next = std::make_shared<ServedModel>(*model_);
      next->runner = runner_of(*model_).with(number, thread_);
      next->tasks.resize(std::max(next->tasks.size(), static_cast<size_t>(number) + 1));
      next->tasks[static_cast<size_t>(number)] = names[static_cast<size_t>(number)];
      if (old >= 0) blank(*next, old);
      done.set_value(next);
    } catch (...) {
      if (old >= 0) names[static_cast<size_t>(old)].name = task;
      done.set_exception(std::current_exception());
    }
  });
  if (!is_posted) throw ServeError(503, "unhealthy", "the server is about to end");
  model_ = done.get_future().get();
  return model_;
}

std::shared_ptr<const ServedModel> ServedFolder::remove(const std::string& task) {
  const int old = find(task);
  if (old < 0 || task.empty()) {
    throw ServeError(404, "validation",
                     concat("there is no task ", quote(task), "; tasks: ", model_->task_list()));
  }
  // Its name is free at once, its number when nobody asks it any more.
  thread_->post([network = network_, old] {
    network->loaded.description.tasks[static_cast<size_t>(old)].name.clear();
  });
  auto next = std::make_shared<ServedModel>(*model_);
  blank(*next, old);
  model_ = next;
  return model_;
}

}  // namespace pals
