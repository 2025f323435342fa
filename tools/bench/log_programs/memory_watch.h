// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_MEMORY_WATCH_H_
#define CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_MEMORY_WATCH_H_

#include <sys/types.h>

#include <thread>
#include <vector>

#include "common/mutex.h"

namespace cronium::bench {

// Resident memory of one process over a time, sampled by a thread of its own every 100 ms. Not
// thread-safe.
class MemoryWatch {
 public:
  explicit MemoryWatch(pid_t pid);
  ~MemoryWatch();

  // Ends the sampling. What follows is for after it.
  void Stop();
  // MiB: after a quarter of the time, at its end, and at most.
  double AtQuarter() const;
  double AtEnd() const;
  double AtMost() const;

 private:
  void Run();

  const pid_t pid_;
  // Until Stop the thread's.
  std::vector<double> samples_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_MEMORY_WATCH_H_
