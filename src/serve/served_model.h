// What a server answers with at one moment. Requests keep the one that they began with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "kinds/kind.h"
#include "predict/runner.h"
#include "tasks/task.h"
#include "text/tokenizer.h"

namespace pals {

struct ServedModel {
  std::shared_ptr<const Runner> runner;  ///< keeps its network
  std::shared_ptr<const Tokenizer> tokenizer;
  int max_seq_length = 128;
  std::vector<Task>
      tasks;               ///< by the numbers that the runner knows them by; nameless ones are none
  int encoder = -1;        ///< a number whose trunk is the shared encoder alone; -1: there is none
  bool has_pooler = true;  ///< the encoder's pooled vectors mean something
  std::string name = {};   ///< for /info and /v1/embeddings
  OrderedJson facts = OrderedJson::object();  ///< of the network, for /info

  TextRules rules() const { return {*tokenizer, max_seq_length}; }
  /// The numbers of all tasks, in their order.
  std::vector<int> all_tasks() const;
  /// "cola, sst".
  std::string task_list() const;
};

}  // namespace pals
