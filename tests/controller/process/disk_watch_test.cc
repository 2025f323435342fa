// SPDX-License-Identifier: Apache-2.0
#include "controller/process/disk_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "common/error.h"

namespace cronium::controller {
namespace {

using testing::HasSubstr;

constexpr int64_t kMiB = 1 << 20;

// Two disks whose free space the test sets, and what was told of them.
class DiskWatchTest : public testing::Test {
 protected:
  // Looks once; the watch is stopped before it would look again.
  absl::Status Look() {
    DiskWatchOptions options;
    options.folders = {"/data", "/logs"};
    options.reserve_bytes = 100 * kMiB;
    options.period = absl::Hours(1);
    DiskWatch watch(
        options,
        [this](const std::string& folder) -> absl::StatusOr<DiskSpace> {
          if (free_[folder] < 0) return absl::UnavailableError("cannot be read");
          return DiskSpace{free_[folder] * kMiB, 10'000 * kMiB, 1'000'000};
        },
        [this] { return write_health_; },
        [this](const absl::Status& status) { changes_.push_back(status); });
    watch.Start();
    watch.Stop();
    return watch.status();
  }

  std::map<std::string, int64_t> free_ = {{"/data", 500}, {"/logs", 500}};
  absl::Status write_health_;
  std::vector<absl::Status> changes_;
};

TEST_F(DiskWatchTest, WithRoomEverywhereNothingIsWrong) {
  EXPECT_TRUE(Look().ok());
  EXPECT_TRUE(changes_.empty());
}

TEST_F(DiskWatchTest, AFullDiskIsToldWithItsFolderAndFigures) {
  free_["/logs"] = 12;
  const absl::Status status = Look();
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(ErrorReason(status), "DISK_FULL");
  EXPECT_EQ(RetryDelay(status), absl::Seconds(10));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("/logs: its disk has 12 MiB free, and 100 MiB have to stay free"));
  const auto info = ToProto(status).DebugString();
  EXPECT_THAT(info, HasSubstr("free_bytes"));
  ASSERT_EQ(changes_.size(), 1u);
  EXPECT_EQ(changes_[0], status);
}

TEST_F(DiskWatchTest, ADatabaseThatHasNoRoomToWriteIsAFullDiskWhateverTheDiskSays) {
  write_health_ = absl::ResourceExhaustedError("cannot commit: quota exceeded");
  EXPECT_THAT(std::string(Look().message()), HasSubstr("quota exceeded"));
  write_health_ = absl::UnavailableError("cannot commit: I/O error");
  EXPECT_TRUE(Look().ok()) << "what is broken is not full";
}

TEST_F(DiskWatchTest, ADiskThatCannotBeLookedAtIsNoFullDisk) {
  free_["/data"] = -1;
  EXPECT_TRUE(Look().ok());
}

TEST_F(DiskWatchTest, LooksAgainAndTellsBothChanges) {
  Mutex mutex;
  CondVar changed;
  int64_t free = 500;
  std::vector<bool> told;
  DiskWatchOptions options;
  options.folders = {"/data"};
  options.reserve_bytes = 100 * kMiB;
  options.period = absl::Milliseconds(1);
  DiskWatch watch(
      options,
      [&](const std::string&) -> absl::StatusOr<DiskSpace> {
        MutexLock lock(&mutex);
        return DiskSpace{free * kMiB, 10'000 * kMiB, 1'000'000};
      },
      [] { return absl::OkStatus(); },
      [&](const absl::Status& status) {
        MutexLock lock(&mutex);
        told.push_back(status.ok());
        changed.NotifyAll();
      });
  watch.Start();
  const auto await = [&](size_t count) {
    MutexLock lock(&mutex);
    while (told.size() < count) changed.Wait(&mutex);
  };
  const auto set = [&](int64_t mib) {
    MutexLock lock(&mutex);
    free = mib;
  };
  set(99);
  await(1);
  set(105);  // Not enough to take it back.
  set(113);
  await(2);
  watch.Stop();
  EXPECT_THAT(told, testing::ElementsAre(false, true));
  EXPECT_TRUE(watch.status().ok());
}

}  // namespace
}  // namespace cronium::controller
