// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_RETENTION_COLLECTOR_H_
#define CRONIUM_CONTROLLER_RETENTION_COLLECTOR_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "controller/core/messages.h"
#include "controller/core/store.h"
#include "controller/logs/log_store.h"
#include "controller/retention/limits.h"

namespace cronium::controller {

// What was removed.
struct Collected {
  int64_t jobs = 0;
  int64_t job_bytes = 0;
  int64_t log_hours = 0;
  int64_t log_bytes = 0;
  // Of the database file, given back to the file system.
  int64_t reclaimed_bytes = 0;
};

// Finds what is past its limits, and has it removed.
//
// A job goes once it has ended, in small batches, each of which waits for the one before to be
// committed: so deletions take turns with everything else that is committed. A log goes with its
// partition, the hour of one namespace, if no job that lives has an execution in it, and not before
// an hour after it is over: so a log may outlive its limits by as much, and one whose job is gone
// until no job of its hour is left.
class Collector {
 public:
  // How the collector changes what is stored; both wait until it is durable. They fail when the
  // controller stops.
  struct Actions {
    std::function<absl::Status(CollectJobs)> collect_jobs;
    std::function<absl::Status(ReclaimSpace)> reclaim;
  };

  static constexpr int kBatchJobs = 100;
  // Space that deletions leave in the database file is kept for reuse up to this, and given back
  // beyond it in steps.
  static constexpr int64_t kKeptUnusedBytes = 64 << 20;
  static constexpr int64_t kReclaimStepBytes = 1 << 20;

  // Everything is borrowed.
  Collector(RetentionPolicy policy, const Clock* clock, Store* store, LogStore* logs,
            Actions actions)
      : policy_(std::move(policy)),
        clock_(clock),
        store_(store),
        logs_(logs),
        actions_(std::move(actions)) {}

  // Removes all that is past its limits now. What was removed before an error counts.
  absl::Status Sweep(Collected* collected);

  // From any thread: a sweep that runs ends after its present step.
  void Stop() { stopped_ = true; }

 private:
  absl::Status SweepJobs(const std::string& name_space, Collected* collected);
  absl::Status SweepLogs(const std::string& name_space, std::vector<LogPartition> partitions,
                         Collected* collected);
  absl::Status Reclaim(Collected* collected);

  const RetentionPolicy policy_;
  const Clock* const clock_;
  Store* const store_;
  LogStore* const logs_;
  const Actions actions_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_RETENTION_COLLECTOR_H_
