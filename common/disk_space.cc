// SPDX-License-Identifier: Apache-2.0
#include "common/disk_space.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "absl/strings/str_cat.h"
#include "common/file.h"

namespace cronium {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kMinReserve = 512 * kMiB;
constexpr int64_t kMaxReserve = 8192 * kMiB;

}  // namespace

absl::StatusOr<DiskSpace> ReadDiskSpace(const std::string& folder) {
  struct statvfs fs {};
  if (statvfs(folder.c_str(), &fs) != 0) {
    return ErrnoError(folder, "cannot read how much space is free", errno);
  }
  const auto block = static_cast<int64_t>(fs.f_frsize);
  return DiskSpace{
      .free_bytes = static_cast<int64_t>(fs.f_bavail) * block,
      .total_bytes = static_cast<int64_t>(fs.f_blocks) * block,
      // btrfs and others have no fixed number, and say 0.
      .free_files =
          fs.f_files == 0 ? std::numeric_limits<int64_t>::max() : static_cast<int64_t>(fs.f_favail),
  };
}

int64_t DiskReserve::LimitOf(const DiskSpace& space) const {
  if (reserve_bytes_ > 0) return reserve_bytes_;
  const int64_t least = std::min(kMinReserve, space.total_bytes / 10);
  return std::clamp(space.total_bytes / 50, least, kMaxReserve);
}

bool DiskReserve::IsFull(const DiskSpace& space) {
  const int64_t limit = LimitOf(space);
  // In 64ths: an eighth.
  const int64_t more = full_ ? 8 : 0;
  full_ = space.free_bytes < limit + limit * more / 64 ||
          space.free_files < kMinFreeFiles + kMinFreeFiles * more / 64;
  return full_;
}

std::string DescribeShortage(const std::string& folder, const DiskSpace& space,
                             int64_t limit_bytes) {
  if (space.free_files < DiskReserve::kMinFreeFiles) {
    return absl::StrCat(folder, ": its disk has room for ", space.free_files,
                        " more files (inodes), and ", DiskReserve::kMinFreeFiles,
                        " have to stay free");
  }
  return absl::StrCat(folder, ": its disk has ", space.free_bytes / kMiB, " MiB free, and ",
                      (limit_bytes + kMiB - 1) / kMiB, " MiB have to stay free");
}

}  // namespace cronium
