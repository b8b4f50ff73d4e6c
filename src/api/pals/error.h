// What the library throws.
#pragma once

#include <pals/types.h>

#include <stdexcept>

namespace pals::api {

/// A fault in files, data or a computation. what() is one line: where, what was found and expected,
/// what to do.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A fault in an argument.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// A training run that was asked to stop and has a checkpoint to go on from.
class Stopped : public Error {
 public:
  using Error::Error;
};

}  // namespace pals::api
