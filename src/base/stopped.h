// A run that ends because it was asked to.
#pragma once

#include "base/error.h"

namespace pals {

/// The run stops, as all ranks have agreed: nothing that a rank has to say of its own.
class Stopped : public Error {
 public:
  using Error::Error;
};

}  // namespace pals
