// Spreads the rows of an input, and the answers to them, over processes: the parts of --shard, or
// the ranks that a launcher started.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "dist/world.h"
#include "options/device_choice.h"
#include "predict/shard.h"
#include "settings/use_options.h"

namespace pals {

/// What one process does.
struct Share {
  InputShard shard;
  std::string output;   ///< where it writes; "" and "-": standard output
  bool joined = false;  ///< rank 0 makes one file of all ranks' outputs
};

/// This process's share. UsageError for an input or output that cannot be shared.
Share choose_share(const ShareFlags& flags, const InputFlags& input, const std::string& output,
                   const World& world);

/// Does `work` as run_in_world() does; with --shard each process is alone, whatever started it.
void run_shared(const ShareFlags& flags, const DeviceChoice& device, const std::stop_token& stop,
                const std::function<void(const World&)>& work);

/// Waits until all ranks come here. Where their outputs are joined, rank 0 then calls `join` with
/// their files in order, and removes these. Throws Error if it does not see them all.
void join_shares(const Share& share, const std::string& output, const World& world,
                 const std::function<void(const std::vector<std::string>& parts)>& join);

}  // namespace pals
