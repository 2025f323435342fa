// SPDX-License-Identifier: Apache-2.0
#include "common/disk_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cronium {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kGiB = 1 << 30;

DiskSpace Space(int64_t free_bytes, int64_t total_bytes = 100 * kGiB, int64_t files = 1'000'000) {
  return {.free_bytes = free_bytes, .total_bytes = total_bytes, .free_files = files};
}

TEST(DiskReserve, IsTwoPercentOfTheDiskWithinBounds) {
  const DiskReserve reserve(0);
  EXPECT_EQ(reserve.LimitOf(Space(0, 1 * kGiB)), kGiB / 10) << "a small disk keeps a tenth";
  EXPECT_EQ(reserve.LimitOf(Space(0, 20 * kGiB)), 512 * kMiB);
  EXPECT_EQ(reserve.LimitOf(Space(0, 100 * kGiB)), 2 * kGiB);
  EXPECT_EQ(reserve.LimitOf(Space(0, 10'000 * kGiB)), 8 * kGiB);
  EXPECT_EQ(DiskReserve(7).LimitOf(Space(0)), 7) << "or what it was told";
}

TEST(DiskReserve, SaysFullBelowItsLimitAndTakesItBackOnlyWithAnEighthMore) {
  DiskReserve reserve(800);
  EXPECT_FALSE(reserve.IsFull(Space(800)));
  EXPECT_TRUE(reserve.IsFull(Space(799)));
  EXPECT_TRUE(reserve.IsFull(Space(800)));
  EXPECT_TRUE(reserve.IsFull(Space(899)));
  EXPECT_FALSE(reserve.IsFull(Space(900)));
  EXPECT_FALSE(reserve.IsFull(Space(800)));
}

TEST(DiskReserve, ADiskWithoutFilesToMakeIsFullToo) {
  DiskReserve reserve(800);
  EXPECT_TRUE(reserve.IsFull(Space(kGiB, kGiB, 999)));
  EXPECT_TRUE(reserve.IsFull(Space(kGiB, kGiB, 1100)));
  EXPECT_FALSE(reserve.IsFull(Space(kGiB, kGiB, 1125)));
}

TEST(DescribeShortage, NamesFolderFreeSpaceAndLimit) {
  EXPECT_EQ(DescribeShortage("/data", Space(12 * kMiB), 512 * kMiB),
            "/data: its disk has 12 MiB free, and 512 MiB have to stay free");
  EXPECT_EQ(DescribeShortage("/data", Space(kGiB, kGiB, 3), 512 * kMiB),
            "/data: its disk has room for 3 more files (inodes), and 1000 have to stay free");
}

TEST(ReadDiskSpace, ReadsTheDiskOfAFolderAndSaysWhereThereIsNone) {
  const auto space = ReadDiskSpace("/tmp");
  ASSERT_TRUE(space.ok()) << space.status();
  EXPECT_GT(space->total_bytes, 0);
  EXPECT_LE(space->free_bytes, space->total_bytes);
  EXPECT_TRUE(absl::IsNotFound(ReadDiskSpace("/no/such/folder").status()));
}

}  // namespace
}  // namespace cronium
