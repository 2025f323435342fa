// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_RECENT_CHUNKS_H_
#define CRONIUM_CONTROLLER_LOGS_RECENT_CHUNKS_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "cronium/v1/log.pb.h"

namespace cronium::controller::logs {

// What all logs together may keep in memory for their followers, in bytes. Thread-safe.
class RecentBudget {
 public:
  explicit RecentBudget(int64_t bytes) : left_(bytes) {}
  bool Take(int64_t bytes) {
    if (left_.fetch_sub(bytes) >= bytes) return true;
    left_ += bytes;
    return false;
  }
  void GiveBack(int64_t bytes) { left_ += bytes; }

 private:
  std::atomic<int64_t> left_;
};

// The newest chunks of a log that is followed, as they came and without gap: who keeps up reads
// them here, and needs neither disk nor decompression. Who does not finds them gone and reads from
// disk; so they may go at any time. Thread-safe.
class RecentChunks {
 public:
  using Chunks = std::vector<std::shared_ptr<const v1::LogChunk>>;
  // Of one log.
  static constexpr int64_t kMaxBytes = 1 << 20;

  explicit RecentChunks(std::shared_ptr<RecentBudget> budget) : budget_(std::move(budget)) {}
  ~RecentChunks();

  // The log's next chunks, durable by now; some may be repeats.
  void Add(std::vector<v1::LogChunk> chunks) ABSL_LOCKS_EXCLUDED(mutex_);

  // From the chunk that holds the entry after after_seq on, about max_bytes; nothing where that one
  // is not here.
  Chunks After(uint64_t after_seq, int64_t max_bytes) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void DropOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<RecentBudget> budget_;
  mutable Mutex mutex_;
  std::deque<std::shared_ptr<const v1::LogChunk>> chunks_ ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_RECENT_CHUNKS_H_
