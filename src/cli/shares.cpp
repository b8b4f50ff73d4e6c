#include "cli/shares.h"

#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/output_path.h"
#include "dist/launch.h"
#include "kernels/device.h"

namespace pals {
namespace {

bool is_standard(const std::string& path) { return path.empty() || path == "-"; }

void check_input(const InputFlags& input, const std::string& by) {
  if (!input.texts.empty()) fail_usage("--text is for one process; ", by, " shares a file");
  if (is_standard(input.input)) {
    fail_usage("--input is missing: ", by, " shares a file, standard input cannot be shared");
  }
  std::error_code error;
  if (!std::filesystem::exists(input.input, error)) return;  // whoever opens it says so
  if (!std::filesystem::is_regular_file(input.input, error)) {
    fail_usage("--input ", input.input, " is no regular file; ", by, " shares one");
  }
}

InputShard shard_of(const ShareFlags& flags, const World& world) {
  if (!flags.shard.empty()) return parse_shard(flags.shard, "--shard");
  return {world.rank() + 1, world.size()};
}

std::vector<std::string> parts_of(const std::string& output, int64_t count) {
  std::vector<std::string> parts;
  for (int64_t i = 1; i <= count; ++i) parts.push_back(part_path(output, {i, count}));
  return parts;
}

}  // namespace

Share choose_share(const ShareFlags& flags, const InputFlags& input, const std::string& output,
                   const World& world) {
  if (!flags.shard.empty() && flags.shards) {
    fail_usage(
        "--shards is for the ranks of mpirun or srun; with --shard, --output names the file");
  }
  Share share{shard_of(flags, world), output, false};
  if (!share.shard.whole()) {
    check_input(input, flags.shard.empty() ? "a run of several ranks" : "--shard");
  }
  const bool ranks = flags.shard.empty() && (world.size() > 1 || flags.shards);
  if (!ranks) return share;
  if (is_standard(output)) {
    fail_usage("--output is missing: the file beside which ranks write theirs");
  }
  share.output = part_path(output, share.shard);
  share.joined = !flags.shards;
  refuse_to_overwrite(input.input, share.output, "--output");
  return share;
}

void run_shared(const ShareFlags& flags, const DeviceChoice& device, const std::stop_token& stop,
                const std::function<void(const World&)>& work) {
  const Launch launch = read_launch();
  run_in_world(
      flags.shard.empty() ? launch : Launch(), stop,
      [&] { return choose_device(device, local_rank(launch)); }, work);
}

void join_shares(const Share& share, const std::string& output, const World& world,
                 const std::function<void(const std::vector<std::string>& parts)>& join) {
  if (world.size() > 1) world.gather("written");
  if (!share.joined || !world.first()) return;
  const std::vector<std::string> parts = parts_of(output, share.shard.count);
  for (const std::string& part : parts) {
    if (file_exists(part)) continue;
    fail(part, ": rank 0 does not see this file, which another rank wrote; expected --output in a ",
         "folder that all machines share (or take --shards)");
  }
  join(parts);
  for (const std::string& part : parts) {
    std::error_code ignored;
    std::filesystem::remove(part, ignored);
  }
}

}  // namespace pals
