// The Python module with which transformers runs models that it has no class for.
#pragma once

#include <string_view>

namespace pals {

/// modeling_pals.py: models with adapters in PyTorch alone, under transformers' base classes.
std::string_view modeling_pals();

}  // namespace pals
