// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_STORE_IDEMPOTENCY_SWEEPER_H_
#define CRONIUM_CONTROLLER_STORE_IDEMPOTENCY_SWEEPER_H_

#include <thread>

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "controller/store/commit_queue.h"

namespace cronium::controller {

// Forgets the idempotency records of executions that ended long enough ago: now and then a batch,
// one after the other while there is a full one. Each is a change among the others of its
// transaction, small enough that nobody waits for it. Owns one thread. Thread-safe.
class IdempotencySweeper {
 public:
  struct Options {
    absl::Duration period = absl::Minutes(1);
    int batch = 500;
  };

  // Borrowed; the queue must not be shut down before this is stopped.
  IdempotencySweeper(const Clock* clock, CommitQueue* commits, Options options);
  IdempotencySweeper(const Clock* clock, CommitQueue* commits)
      : IdempotencySweeper(clock, commits, Options()) {}
  ~IdempotencySweeper() { Stop(); }

  // Waits for the batch that is under way.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  // Commits one batch; whether there may be more.
  bool SweepBatch() ABSL_LOCKS_EXCLUDED(mutex_);

  const Clock* const clock_;
  CommitQueue* const commits_;
  const Options options_;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool committing_ ABSL_GUARDED_BY(mutex_) = false;
  bool full_batch_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_STORE_IDEMPOTENCY_SWEEPER_H_
