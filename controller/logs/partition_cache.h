// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_PARTITION_CACHE_H_
#define CRONIUM_CONTROLLER_LOGS_PARTITION_CACHE_H_

#include <list>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "controller/logs/log_store.h"
#include "controller/logs/partition.h"

namespace cronium::controller::logs {

// The partitions with open files, each at most once: those used last, and those that someone holds.
// Thread-safe.
class PartitionCache {
 public:
  // max_recent_bytes: what all logs together keep in memory for their followers.
  PartitionCache(std::string dir, size_t max_open, size_t max_cached_executions,
                 int64_t max_recent_bytes)
      : dir_(std::move(dir)),
        max_open_(max_open),
        max_cached_executions_(max_cached_executions),
        recent_budget_(std::make_shared<RecentBudget>(max_recent_bytes)) {}

  // Where the key's log is. The key must be checked.
  std::shared_ptr<Partition> Get(const LogKey& key) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes the partition away from its place at one moment, also for whoever holds it; where its
  // files are now. Empty where there are none.
  absl::StatusOr<std::string> Remove(const LogPartition& partition) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Lru = std::list<std::shared_ptr<Partition>>;

  const std::string dir_;
  const size_t max_open_;
  const size_t max_cached_executions_;
  const std::shared_ptr<RecentBudget> recent_budget_;

  Mutex mutex_;
  // Used last first.
  Lru lru_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Lru::iterator> partitions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_PARTITION_CACHE_H_
