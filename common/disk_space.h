// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_DISK_SPACE_H_
#define CRONIUM_COMMON_DISK_SPACE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace cronium {

// Of the file system that a folder is on.
struct DiskSpace {
  // What we may still write.
  int64_t free_bytes = 0;
  int64_t total_bytes = 0;
  // Files that can still be made; a file system that does not count them has plenty.
  int64_t free_files = 0;
};

absl::StatusOr<DiskSpace> ReadDiskSpace(const std::string& folder);

// Says whether a disk has so little room left that no new work may begin: what runs needs the rest
// to end well. Once it has said so, there has to be an eighth more before it takes it back, so that
// it does not go to and fro. Pure; not thread-safe.
class DiskReserve {
 public:
  // Files that must be left, too: fewer are as bad as no bytes.
  static constexpr int64_t kMinFreeFiles = 1000;

  // reserve_bytes: what has to stay free; 0 for 2 % of the disk, but at least 512 MiB (a tenth of a
  // disk under 5 GiB) and at most 8 GiB.
  explicit DiskReserve(int64_t reserve_bytes) : reserve_bytes_(reserve_bytes) {}

  // Whether the disk counts as full now.
  bool IsFull(const DiskSpace& space);

  int64_t LimitOf(const DiskSpace& space) const;

 private:
  const int64_t reserve_bytes_;
  bool full_ = false;
};

// "/var/lib/x has 12 MiB free, and 512 MiB have to stay free": for people.
std::string DescribeShortage(const std::string& folder, const DiskSpace& space,
                             int64_t limit_bytes);

}  // namespace cronium

#endif  // CRONIUM_COMMON_DISK_SPACE_H_
