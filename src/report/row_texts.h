// The texts of development rows, read again from the files that a run was evaluated on.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "report/run_data.h"
#include "tasks/task.h"

namespace pals {

/// A row's texts by what they are: {"text", ...}, {"question", ...}, {"choice 1", ...}.
using NamedTexts = std::vector<std::pair<std::string, std::string>>;

/// Looks up rows of one task's files; each file is read once, when it is first asked.
class RowTexts {
 public:
  /// `hash`: of the file of a split as the rows were predicted, empty if that is not known; rows of
  /// another content have no texts.
  using HashOf = std::function<std::string(const std::string& split)>;

  RowTexts(const Task& task, std::string data_dir, HashOf hash);

  /// The texts of a file's example, counted from 0; empty if the file cannot be read or has none.
  NamedTexts find(const std::string& split, int64_t row);

  /// Why there are no texts, a sentence each.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  const ExampleSet* read(const std::string& split);

  const Task& task_;
  std::string data_dir_;
  HashOf hash_;
  std::map<std::string, std::unique_ptr<ExampleSet>> files_;  // null: cannot be read
  std::vector<std::string> problems_;
};

}  // namespace pals
