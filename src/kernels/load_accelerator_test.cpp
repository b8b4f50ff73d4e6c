#include "kernels/load_accelerator.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "kernels/device.h"

namespace pals {
namespace {

constexpr const char* kAnyLibrary = "libz.so.1";  // one that every build has

// Why nothing is loaded out of these files.
std::string problem(const AcceleratorFiles& files) {
  const LoadedAccelerator loaded = load_accelerator(files);
  EXPECT_EQ(loaded.accelerator, nullptr);
  return loaded.problem;
}

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << "\nwithout: " << part;
}

TEST(LoadAccelerator, NamesWhatIsMissing) {
  const std::string self = "/proc/self/exe";  // a file that is there
  expect_contains(problem({.libraries = {"/nowhere/a.so", "/nowhere/b.so"}}), "/nowhere/b.so");
  expect_contains(problem({.libraries = {self}, .driver = "libno_driver.so"}), "libno_driver.so");
  expect_contains(
      problem({.libraries = {self}, .driver = kAnyLibrary, .torch = "libno_torch_cuda.so"}),
      "libno_torch_cuda.so");
  expect_contains(problem({.libraries = {self}, .driver = kAnyLibrary, .torch = kAnyLibrary}),
                  "does not load");
}

TEST(LoadAccelerator, LooksBesideTheProgram) {
  const AcceleratorFiles files = usual_accelerator_files();
  ASSERT_EQ(files.libraries.size(), 3U);
  EXPECT_TRUE(files.libraries[0].ends_with("/libpals_cuda.so"));
  EXPECT_TRUE(files.libraries[1].ends_with("/lib/pals/libpals_cuda.so"));
  const std::string& beside = files.libraries[0];
  const size_t folder = beside.rfind('/', beside.rfind('/') - 1);
  EXPECT_EQ(files.libraries[2], beside.substr(0, folder) + "/libpals_cuda.so");
}

TEST(ChooseDevice, TheCpuIsAlwaysThere) {
  EXPECT_TRUE(choose_device({DeviceType::kCpu}).is_cpu());
  EXPECT_EQ(device_name(at::kCPU), "cpu");
  EXPECT_EQ(accelerator_of(at::kCPU), nullptr);
  synchronize(at::kCPU);
}

TEST(ChooseDevice, ADeviceThatIsNotThereIsAnError) {
  for (const int number : {99, 4711}) {
    EXPECT_THROW(choose_device({DeviceType::kGpu, number}), UsageError) << number;
  }
  EXPECT_THROW(choose_device({DeviceType::kSimulated}), UsageError);
}

}  // namespace
}  // namespace pals
