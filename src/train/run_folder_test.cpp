#include "train/run_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <limits>

#include "base/error.h"
#include "base/file.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

class RunFolder : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ =
        testing::TempDir() + "pals_run_folder_" + info->name() + "_" + std::to_string(::getpid());
    fs::remove_all(folder_);
    make_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static ParameterArena make_arena(int64_t size = 5, bool keeps_average = false) {
    ParameterTable table;
    table.add({.name = "dense.weight", .shape = {size, 2}});
    table.add({.name = "tasks.0.up.weight", .shape = {3}, .owner = 0});
    table.lay_out();
    ParameterArena arena(std::move(table), at::kFloat);
    if (keeps_average) arena.keep_average();
    arena.prepare_training();
    return arena;
  }

  // Numbers of their own for each step and buffer.
  static void fill(ParameterArena& arena, int64_t step) {
    arena.weights().fill_(static_cast<double>(step) + 0.25);
    arena.first_moment().fill_(static_cast<double>(step) + 0.5);
    arena.second_moment().fill_(static_cast<double>(step) + 0.75);
  }

  static void expect_step(const ParameterArena& arena, int64_t step) {
    const auto value = static_cast<float>(step);
    EXPECT_TRUE(arena.weights().eq(value + 0.25F).all().item<bool>());
    EXPECT_TRUE(arena.first_moment().eq(value + 0.5F).all().item<bool>());
    EXPECT_TRUE(arena.second_moment().eq(value + 0.75F).all().item<bool>());
  }

  std::string checkpoints() const { return folder_ + "/checkpoints"; }
  std::string file_of(int64_t step) const {
    std::string number = std::to_string(step);
    number.insert(0, 10 - number.size(), '0');
    return checkpoints() + "/step-" + number + ".safetensors";
  }

  std::string folder_;
};

TEST_F(RunFolder, HasOneRunAtATime) {
  {
    const RunLock lock(folder_);
    EXPECT_THROW(RunLock second(folder_), Error);
  }
  const RunLock again(folder_);
  EXPECT_THROW(RunLock(folder_ + "/nowhere"), Error);
}

TEST_F(RunFolder, RestoresTheNewestCheckpoint) {
  ParameterArena arena = make_arena();
  CheckpointStore store(checkpoints(), 3);
  EXPECT_FALSE(store.restore(arena).has_value());
  for (const int64_t step : {9, 10, 100}) {
    fill(arena, step);
    store.save(arena, step, {{"step", step}, {"best", {{"rte", 0.5}}}});
  }
  ParameterArena other = make_arena();
  const auto state = CheckpointStore(checkpoints(), 3).restore(other);
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(*state, (Json{{"step", 100}, {"best", {{"rte", 0.5}}}}));
  expect_step(other, 100);
}

TEST_F(RunFolder, RestoresTheAverageOfARunThatKeepsOne) {
  ParameterArena arena = make_arena(5, true);
  const CheckpointStore store(checkpoints(), 3);
  fill(arena, 7);
  arena.average().fill_(42.0);
  store.save(arena, 7, {{"step", 7}});
  ParameterArena other = make_arena(5, true);
  ASSERT_TRUE(CheckpointStore(checkpoints(), 3).restore(other).has_value());
  expect_step(other, 7);
  EXPECT_TRUE(other.average().eq(42.0F).all().item<bool>());
  // One without it is none that such a run can go on from.
  const ParameterArena plain = make_arena();
  store.save(plain, 9, {{"step", 9}});
  const auto state = CheckpointStore(checkpoints(), 3).restore(other);
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->at("step"), 7);
}

TEST_F(RunFolder, PrunesTheOldest) {
  ParameterArena arena = make_arena();
  CheckpointStore store(checkpoints(), 2);
  for (const int64_t step : {1, 2, 30, 400}) store.save(arena, step, {{"step", step}});
  EXPECT_EQ(list_directory(checkpoints()).size(), 2U);
  EXPECT_TRUE(file_exists(file_of(30)));
  EXPECT_TRUE(file_exists(file_of(400)));
  EXPECT_EQ(largest_checkpoint_bytes(checkpoints()),
            static_cast<int64_t>(fs::file_size(file_of(400))));
  EXPECT_EQ(largest_checkpoint_bytes(folder_ + "/nowhere"), 0);
  // Saved again under the same step: still two.
  store.save(arena, 400, {{"step", 400}});
  EXPECT_EQ(list_directory(checkpoints()).size(), 2U);
}

TEST_F(RunFolder, FallsBackFromADamagedCheckpoint) {
  ParameterArena arena = make_arena();
  CheckpointStore store(checkpoints(), 3);
  for (const int64_t step : {1, 2, 3}) {
    fill(arena, step);
    store.save(arena, step, {{"step", step}});
  }
  fs::resize_file(file_of(3), fs::file_size(file_of(3)) - 1);
  fs::resize_file(file_of(2), 0);
  testing::internal::CaptureStderr();
  const auto state = store.restore(arena);
  const std::string shown = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->at("step"), 1);
  expect_step(arena, 1);
  EXPECT_NE(shown.find(file_of(3)), std::string::npos) << shown;
  EXPECT_NE(shown.find(file_of(2)), std::string::npos) << shown;

  fs::resize_file(file_of(1), 100);
  testing::internal::CaptureStderr();
  EXPECT_FALSE(store.restore(arena).has_value());
  testing::internal::GetCapturedStderr();
}

TEST_F(RunFolder, RefusesACheckpointOfAnotherModel) {
  ParameterArena arena = make_arena(5);
  CheckpointStore store(checkpoints(), 2);
  store.save(arena, 1, {{"step", 1}});
  ParameterArena other = make_arena(6);
  try {
    store.restore(other);
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("--overwrite_output_dir"), std::string::npos);
  }
}

TEST_F(RunFolder, RemovesWhatInterruptedWritesLeft) {
  make_directories(checkpoints());
  // Of a process that cannot be: the system's numbers end before it.
  write_file_atomically(checkpoints() + "/step-0000000005.safetensors.tmp.999999999.1", "half");
  for (const char* own : {"/notes.tmp.txt", "/notes.txt"}) {
    write_file_atomically(checkpoints() + own, "a user's own");
  }
  ParameterArena arena = make_arena();
  CheckpointStore store(checkpoints(), 1);
  EXPECT_EQ(list_directory(checkpoints()),
            (std::vector<std::string>{"notes.tmp.txt", "notes.txt"}));
  EXPECT_FALSE(store.restore(arena).has_value());
}

TEST_F(RunFolder, AFailedSaveKeepsTheOlderCheckpoint) {
  ParameterArena arena = make_arena();
  CheckpointStore store(checkpoints(), 1);
  fill(arena, 1);
  store.save(arena, 1, {{"step", 1}});
  make_directories(file_of(2));  // in the way of the next one
  EXPECT_THROW(store.save(arena, 2, {{"step", 2}}), Error);
  fs::remove(file_of(2));
  EXPECT_EQ(store.restore(arena)->at("step"), 1);
}

TEST_F(RunFolder, FindsEveryFlippedBit) {
  ParameterArena arena = make_arena();
  for (const int64_t step : {1, 2}) {
    fill(arena, step);
    CheckpointStore(checkpoints(), 2).save(arena, step, {{"step", step}});
  }
  const std::string whole = read_file(file_of(2), 1 << 20);
  testing::internal::CaptureStderr();
  for (size_t bit = 0; bit < 8 * whole.size(); bit += 7) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    write_file_atomically(file_of(2), damaged);
    ParameterArena other = make_arena();
    const auto state = CheckpointStore(checkpoints(), 2).restore(other);
    ASSERT_TRUE(state.has_value()) << bit;
    ASSERT_EQ(state->at("step"), 1) << bit;
    expect_step(other, 1);
  }
  testing::internal::GetCapturedStderr();
}

TEST_F(RunFolder, PassesOverAStateThatIsRefused) {
  ParameterArena arena = make_arena();
  CheckpointStore store(checkpoints(), 9);
  for (const int64_t step : {1, 2, 3, 4}) {
    fill(arena, step);
    store.save(arena, step, {{"step", step == 4 ? 5 : step}});  // not what its name says
  }
  testing::internal::CaptureStderr();
  const auto state = store.restore(arena, [](const Json& saved, const std::string& where) {
    if (saved.at("step") == 3) fail(where, ": too many steps");
  });
  const std::string shown = testing::internal::GetCapturedStderr();
  EXPECT_EQ(state->at("step"), 2);
  expect_step(arena, 2);
  EXPECT_NE(shown.find(file_of(4) + ": its state is of step 5"), std::string::npos) << shown;
  EXPECT_NE(shown.find(file_of(3) + ": too many steps"), std::string::npos) << shown;
}

TEST_F(RunFolder, PassesOverValuesThatAreNotFinite) {
  ParameterArena arena = make_arena();
  CheckpointStore store(checkpoints(), 9);
  fill(arena, 1);
  store.save(arena, 1, {{"step", 1}});
  arena.second_moment()[3] = std::numeric_limits<float>::quiet_NaN();
  store.save(arena, 2, {{"step", 2}});
  testing::internal::CaptureStderr();
  EXPECT_EQ(store.restore(arena)->at("step"), 1);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("second_moment holds a value that is not"),
            std::string::npos);
  expect_step(arena, 1);
}

TEST_F(RunFolder, PruningSparesTheNewFileAndCountsNoDamagedOnes) {
  ParameterArena arena = make_arena();
  for (const int64_t step : {100, 200}) {
    CheckpointStore(checkpoints(), 9).save(arena, step, {{"step", step}});
    fs::resize_file(file_of(step), 50);
  }
  CheckpointStore store(checkpoints(), 2);
  testing::internal::CaptureStderr();
  EXPECT_FALSE(store.restore(arena).has_value());
  testing::internal::GetCapturedStderr();
  for (const int64_t step : {1, 2, 3}) {
    store.save(arena, step, {{"step", step}});
    EXPECT_TRUE(file_exists(file_of(step)));
  }
  EXPECT_FALSE(file_exists(file_of(1)));
  EXPECT_TRUE(file_exists(file_of(2)));
  // Even beside files of later steps.
  CheckpointStore(checkpoints(), 9).save(arena, 300, {{"step", 300}});
  CheckpointStore(checkpoints(), 1).save(arena, 4, {{"step", 4}});
  EXPECT_TRUE(file_exists(file_of(4)));
}

TEST_F(RunFolder, KeepsTheLastFilesOfAFinishedRun) {
  ParameterArena arena = make_arena();
  const CheckpointStore store(checkpoints(), 3);
  for (const int64_t step : {1, 2, 3}) store.save(arena, step, {{"step", step}});
  store.prune(1);
  EXPECT_EQ(list_directory(checkpoints()).size(), 1U);
  EXPECT_TRUE(file_exists(file_of(3)));
}

TEST_F(RunFolder, TheNewestSoundFileIsFoundAndReadOnce) {
  EXPECT_FALSE(newest_checkpoint(checkpoints()).has_value());
  ParameterArena arena = make_arena();
  const CheckpointStore store(checkpoints(), 9);
  for (const int64_t step : {1, 2}) store.save(arena, step, {{"step", step}});
  EXPECT_EQ(newest_checkpoint(checkpoints())->state.at("step"), 2);
  write_file_atomically(file_of(2), "damaged");
  EXPECT_EQ(newest_checkpoint(checkpoints())->state.at("step"), 1);
  // What was found is not read again: the name now stands for another file.
  std::optional<SoundCheckpoint> found = newest_checkpoint(checkpoints());
  std::filesystem::remove(file_of(1));
  write_file_atomically(file_of(1), "damaged");
  ParameterArena other = make_arena();
  EXPECT_EQ(CheckpointStore(checkpoints(), 9).restore(other, {}, std::move(found))->at("step"), 1);
  EXPECT_FALSE(CheckpointStore(checkpoints(), 9).restore(other).has_value());
}

}  // namespace
}  // namespace pals
