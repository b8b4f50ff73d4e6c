// How the process's allocator deals with large blocks.
#pragma once

namespace pals {

/// Keeps the pages of freed blocks for the next ones instead of giving them back to the system:
/// activations come and go with every layer, and mapping fresh pages takes longer than filling
/// them.
void keep_freed_pages();

}  // namespace pals
