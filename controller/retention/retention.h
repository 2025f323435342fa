// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_RETENTION_RETENTION_H_
#define CRONIUM_CONTROLLER_RETENTION_RETENTION_H_

#include <thread>

#include "absl/time/time.h"
#include "common/mutex.h"
#include "controller/core/core_thread.h"
#include "controller/retention/collector.h"

namespace cronium::controller {

// Sweeps every now and then, on a thread of its own.
class Retention {
 public:
  // Borrowed; `core` and what `commit` stands for must outlive Stop.
  Retention(RetentionPolicy policy, absl::Duration period, const Clock* clock, Store* store,
            LogStore* logs, CoreThread* core, const CommitFunction& commit);
  ~Retention();

  // The first sweep is one period away, so that a start is not held up.
  void Start();
  // A sweep that runs ends after its present step. Idempotent.
  void AskToStop() ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits for that step, and so for the core and the commits, which must be at work or stopped.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run();
  // False where Stop was called meanwhile.
  bool WaitForNext() ABSL_LOCKS_EXCLUDED(mutex_);

  const absl::Duration period_;
  Collector collector_;

  Mutex mutex_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_RETENTION_RETENTION_H_
