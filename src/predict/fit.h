// Which tasks an input fits: how many texts it has, and which columns they stand in.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tasks/task.h"

namespace pals {

/// What an input has for each answer.
struct InputShape {
  size_t texts = 1;      ///< 1, or 2: a pair, or a question and its context
  bool choices = false;  ///< texts to choose from
  bool table = false;    ///< where choices may be beside texts that other tasks read
};

/// The shape of a line by its tabs: more than one are those between choices.
InputShape shape_of_line(std::string_view line);

/// How many texts a task takes besides choices, as its files say; nothing if they do not.
std::optional<size_t> texts_of(const Task& task);

/// Why a task cannot be asked about such an input, as the end of a sentence that begins with its
/// name; empty if it can.
std::string misfit(const Task& task, const InputShape& shape);

/// The columns that a task's files give by name, each differing set once; those by which its kind
/// usually finds texts if there are none.
std::vector<DataFile> own_columns(const Task& task);

}  // namespace pals
