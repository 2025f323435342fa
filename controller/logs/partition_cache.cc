// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/partition_cache.h"

#include "controller/logs/partition_files.h"

namespace cronium::controller::logs {

std::shared_ptr<Partition> PartitionCache::Get(const LogKey& key) {
  const std::string path = PartitionPath(dir_, key.name_space, key.assign_time);
  MutexLock lock(&mutex_);
  if (const auto it = partitions_.find(path); it != partitions_.end()) {
    lru_.splice(lru_.begin(), lru_, it->second);
    return *it->second;
  }
  // Closing writes the index, under this lock: nobody may open the same files meanwhile. Only who
  // finds a partition here can hold it, so one that is held here alone stays so.
  for (auto it = lru_.end(); lru_.size() >= max_open_ && it != lru_.begin();) {
    --it;
    if (it->use_count() > 1) continue;
    partitions_.erase((*it)->dir());
    it = lru_.erase(it);
  }
  lru_.push_front(std::make_shared<Partition>(path, max_cached_executions_, recent_budget_));
  partitions_[path] = lru_.begin();
  return lru_.front();
}

absl::StatusOr<std::string> PartitionCache::Remove(const LogPartition& partition) {
  const std::string path = PartitionPath(dir_, partition.name_space, partition.hour);
  // Under the lock, so that nobody opens what is about to go.
  MutexLock lock(&mutex_);
  if (const auto it = partitions_.find(path); it != partitions_.end()) {
    (*it->second)->Abandon();
    lru_.erase(it->second);
    partitions_.erase(it);
  }
  return MoveAway(path);
}

}  // namespace cronium::controller::logs
