// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/partition_cache.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace cronium::controller::logs {

std::shared_ptr<Partition> PartitionCache::Get(const LogKey& key) {
  const std::string path =
      absl::StrCat(dir_, "/", key.name_space, "/",
                   absl::FormatTime("%Y%m%dT%H", key.assign_time, absl::UTCTimeZone()));
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
  lru_.push_front(std::make_shared<Partition>(path, max_cached_executions_));
  partitions_[path] = lru_.begin();
  return lru_.front();
}

}  // namespace cronium::controller::logs
