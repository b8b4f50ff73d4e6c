#include "kernels/upload.h"

#include <gtest/gtest.h>

namespace pals {
namespace {

TEST(Upload, GivesTensorsOfTheValues) {
  Upload upload(at::kCPU, 16);  // less than what comes
  const std::vector<int32_t> small = {1, -2, 3};
  const std::vector<int64_t> large = {int64_t{1} << 40, 5, 6, 7, 8, 9, 10, 11, 12};
  const at::Tensor a = upload.add(small), none = upload.add(std::vector<int64_t>());
  const at::Tensor b = upload.add(large), c = upload.add(std::vector<double>{0.5});
  upload.send();
  EXPECT_TRUE(at::equal(a, at::tensor(small, at::kInt)));
  EXPECT_TRUE(at::equal(b, at::tensor(large, at::kLong)));
  EXPECT_EQ(none.numel(), 0);
  EXPECT_EQ(c.item<double>(), 0.5);
  EXPECT_THROW(upload.add(small), c10::Error);
}

TEST(Upload, TensorsOutliveIt) {
  at::Tensor kept;
  {
    Upload upload(at::kCPU, 1024);
    kept = upload.add(std::vector<int32_t>{7, 8});
    upload.send();
  }
  EXPECT_EQ(kept[1].item<int32_t>(), 8);
}

}  // namespace
}  // namespace pals
