// SPDX-License-Identifier: Apache-2.0
#include "controller/process/disk_watch.h"

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/log.h"
#include "common/thread_name.h"

namespace cronium::controller {
namespace {

constexpr absl::Duration kRetryAfter = absl::Seconds(10);

absl::Status DiskFull(const std::string& folder, int64_t free_bytes, int64_t limit_bytes,
                      absl::string_view what) {
  return MakeRetryableError(
      absl::StatusCode::kResourceExhausted, "DISK_FULL",
      absl::StrCat("the controller's disk is full: ", what,
                   ". Until there is room it takes and places no jobs; those that run go on. Free "
                   "space there, or keep less (--retention)"),
      kRetryAfter,
      {{"folder", folder},
       {"free_bytes", absl::StrCat(free_bytes)},
       {"limit_bytes", absl::StrCat(limit_bytes)}});
}

}  // namespace

DiskWatch::DiskWatch(DiskWatchOptions options, ReadSpace read_space, WriteHealth write_health,
                     OnChange on_change)
    : options_(std::move(options)),
      read_space_(std::move(read_space)),
      write_health_(std::move(write_health)),
      on_change_(std::move(on_change)),
      reserves_(options_.folders.size(), DiskReserve(options_.reserve_bytes)) {}

DiskWatch::~DiskWatch() { Stop(); }

void DiskWatch::Start() {
  Look();
  thread_ = std::thread([this] { Run(); });
}

void DiskWatch::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status DiskWatch::status() const {
  MutexLock lock(&mutex_);
  return status_;
}

absl::Status DiskWatch::Judge() {
  absl::Status result;
  DiskSpace last;
  for (size_t i = 0; i < reserves_.size(); ++i) {
    const std::string& folder = options_.folders[i];
    const absl::StatusOr<DiskSpace> space = read_space_(folder);
    // Whoever writes there finds out by himself.
    if (!space.ok()) continue;
    last = *space;
    if (!reserves_[i].IsFull(*space)) continue;
    const int64_t limit = reserves_[i].LimitOf(*space);
    result.Update(
        DiskFull(folder, space->free_bytes, limit, DescribeShortage(folder, *space, limit)));
  }
  // A quota, for example, shows only by what fails.
  if (const absl::Status written = write_health_();
      result.ok() && absl::IsResourceExhausted(written)) {
    result = DiskFull(options_.folders.front(), last.free_bytes, 0, written.message());
  }
  return result;
}

void DiskWatch::Look() {
  const absl::Status now = Judge();
  absl::Status before;
  {
    MutexLock lock(&mutex_);
    before = std::exchange(status_, now);
  }
  if (before.ok() == now.ok()) return;
  if (now.ok()) {
    LogInfo("there is room on the disk again; jobs are taken and placed");
  } else {
    LogError("disk full: no jobs are taken or placed, and no logs stored", {{"reason", now}});
  }
  on_change_(now);
}

void DiskWatch::Run() {
  SetThreadName("disk watch");
  while (true) {
    const auto until =
        std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(options_.period);
    {
      MutexLock lock(&mutex_);
      while (!stopping_) {
        const auto left = until - std::chrono::steady_clock::now();
        if (left <= std::chrono::nanoseconds::zero()) break;
        wake_.WaitFor(&mutex_, left);
      }
      if (stopping_) return;
    }
    Look();
  }
}

}  // namespace cronium::controller
