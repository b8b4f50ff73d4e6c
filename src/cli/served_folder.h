// A model folder as a server answers with it, whose tasks come and go.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "modules/precision.h"
#include "serve/batcher.h"
#include "serve/served_model.h"
#include "serve/task_admin.h"

namespace pals {

class ServedNetwork;

/// Has the thread of a batcher do what nothing else may happen during, as long as there is one.
class NetworkThread {
 public:
  void use(Batcher* batcher);
  /// False if there is no batcher: the action is dropped. Does not wait for it.
  bool post(std::function<void()> action);

 private:
  std::mutex mutex_;
  Batcher* batcher_ = nullptr;
};

/// A folder with all its tasks, and beside them the shared encoder for vectors.
class ServedFolder : public TaskAdmin {
 public:
  /// Throws as load_model_folder.
  ServedFolder(std::string path, const Precision& precision, at::Device device,
               std::shared_ptr<NetworkThread> thread);

  std::shared_ptr<const ServedModel> model() const { return model_; }

  std::shared_ptr<const ServedModel> put(const std::string& task,
                                         std::string_view archive) override;
  std::shared_ptr<const ServedModel> remove(const std::string& task) override;

 private:
  int find(const std::string& task) const;

  std::string path_;
  std::shared_ptr<NetworkThread> thread_;
  std::shared_ptr<ServedNetwork> network_;
  std::shared_ptr<const ServedModel> model_;
};

}  // namespace pals
