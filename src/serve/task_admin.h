// Tasks that come and go while they are served.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "serve/served_model.h"

namespace pals {

/// Changes the tasks of a network that answers. One thread at a time; may take a while.
class TaskAdmin {
 public:
  virtual ~TaskAdmin() = default;

  /// Takes in a task, in place of one of that name if there is one, and returns what is served from
  /// now on. `archive`: a tar of a model folder's tasks.json and adapters/NAME (and config.json).
  /// Throws Error for what could not be read from a disk either, and for an adapter that was
  /// trained with other shared weights; nothing has changed then.
  virtual std::shared_ptr<const ServedModel> put(const std::string& task,
                                                 std::string_view archive) = 0;

  /// Lets go of a task that is there; its memory is given back once nobody asks it any more.
  virtual std::shared_ptr<const ServedModel> remove(const std::string& task) = 0;
};

}  // namespace pals
