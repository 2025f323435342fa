// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_STORE_COMMIT_QUEUE_H_
#define CRONIUM_CONTROLLER_STORE_COMMIT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "controller/core/store.h"

namespace cronium::controller {

struct CommitQueueOptions {
  // One transaction, at most (a single larger submission is a transaction of its own). Past a
  // thousand rows a transaction's fixed cost no longer shows.
  size_t max_group_changes = 1024;
  size_t max_group_bytes = 8 << 20;
  // What may wait; past either, Submit waits.
  size_t max_queued_changes = 16384;
  size_t max_queued_bytes = 64 << 20;
  // Wait before a failed group is tried again: doubles from the first to the second.
  absl::Duration min_backoff = absl::Milliseconds(20);
  absl::Duration max_backoff = absl::Seconds(5);
};

struct CommitCounters {
  uint64_t groups = 0;
  uint64_t changes = 0;
  // Changes of the largest group so far.
  uint64_t largest_group = 0;
  // Attempts that failed and were repeated.
  uint64_t failures = 0;
};

// Group commit: everything that waits while one transaction is written goes into the next.
//
// Owns one thread, the only caller of Store::Commit. A failing store holds everything up, since
// what comes later may build on what came before: the group is kept and tried again until it
// succeeds or the queue is shut down, and nothing is acknowledged meanwhile. Thread-safe.
class CommitQueue {
 public:
  using Done = std::function<void(absl::StatusOr<std::vector<ChangeResult>>)>;

  // `store` must outlive the queue.
  explicit CommitQueue(Store* store, CommitQueueOptions options = {});
  // As Shutdown(0).
  ~CommitQueue();
  CommitQueue(const CommitQueue&) = delete;
  CommitQueue& operator=(const CommitQueue&) = delete;

  // All of `changes` go into one transaction, after everything submitted before. Once it is durable
  // `done` runs on the queue's thread, in the order of submission, with one result per change; it
  // must be quick, and must not Submit where that could wait. An empty submission is a barrier.
  //
  // Waits while the queue is full. After Shutdown `done` gets UNAVAILABLE, on the calling thread.
  void Submit(std::vector<Change> changes, Done done) ABSL_LOCKS_EXCLUDED(mutex_);

  // OK, or why the last attempt failed: what the health service shows.
  absl::Status Health() const ABSL_LOCKS_EXCLUDED(mutex_);

  CommitCounters counters() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes no more, commits what waits, for at most timeout, and tells the rest UNAVAILABLE with the
  // reason. A transaction that is running is waited for. Idempotent; one thread at a time.
  void Shutdown(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Item {
    std::vector<Change> changes;
    Done done;
    size_t bytes = 0;
  };
  // Several submissions as one transaction.
  struct Group {
    std::vector<Change> changes;
    // Of each submission: how many of `changes` are its, and whom to tell.
    std::vector<std::pair<size_t, Done>> parts;
  };

  void Run();
  // Waits for work; nothing once the queue is shut down and empty.
  std::optional<Group> NextGroup() ABSL_LOCKS_EXCLUDED(mutex_);
  // Until it succeeds, or the shutdown's time is over.
  absl::StatusOr<std::vector<ChangeResult>> CommitWithRetry(const Group& group)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Shutdown was called and its time is over.
  bool TimeIsUp() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Keeps the failure for Health, and waits for backoff or until the shutdown's time is over.
  void WaitToRetry(const absl::Status& why, absl::Duration backoff) ABSL_LOCKS_EXCLUDED(mutex_);

  Store* const store_;
  const CommitQueueOptions options_;

  mutable Mutex mutex_;
  // Work came, or shutdown began.
  CondVar wake_;
  CondVar not_full_;
  std::deque<Item> items_ ABSL_GUARDED_BY(mutex_);
  size_t queued_changes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Set by Shutdown.
  std::optional<std::chrono::steady_clock::time_point> deadline_ ABSL_GUARDED_BY(mutex_);
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
  CommitCounters counters_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_STORE_COMMIT_QUEUE_H_
