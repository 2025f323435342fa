// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_PROCESS_DISK_WATCH_H_
#define CRONIUM_CONTROLLER_PROCESS_DISK_WATCH_H_

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/disk_space.h"
#include "common/mutex.h"

namespace cronium::controller {

struct DiskWatchOptions {
  // Whose disks are watched.
  std::vector<std::string> folders;
  // As for DiskReserve.
  int64_t reserve_bytes = 0;
  absl::Duration period = absl::Seconds(1);
};

// Looks once a second whether there is room on the disks for new work, on a thread of its own.
class DiskWatch {
 public:
  using ReadSpace = std::function<absl::StatusOr<DiskSpace>(const std::string& folder)>;
  // OK, or why the database could not be written last.
  using WriteHealth = std::function<absl::Status()>;
  // OK or DISK_FULL; called on the watch's thread, and by Start.
  using OnChange = std::function<void(const absl::Status& status)>;

  DiskWatch(DiskWatchOptions options, ReadSpace read_space, WriteHealth write_health,
            OnChange on_change);
  ~DiskWatch();

  // Looks once, so that nothing begins on a full disk, then goes on by itself.
  void Start();
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  // OK, or RESOURCE_EXHAUSTED (DISK_FULL) with RetryInfo, naming folder, free_bytes and
  // limit_bytes: as last seen. Thread-safe.
  absl::Status status() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run();
  void Look() ABSL_LOCKS_EXCLUDED(mutex_);
  // What is wrong now. Every disk is looked at, since each reserve has a memory.
  absl::Status Judge();

  const DiskWatchOptions options_;
  const ReadSpace read_space_;
  const WriteHealth write_health_;
  const OnChange on_change_;
  // One for each folder.
  std::vector<DiskReserve> reserves_;

  mutable Mutex mutex_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_PROCESS_DISK_WATCH_H_
