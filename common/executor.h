// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_EXECUTOR_H_
#define CRONIUM_COMMON_EXECUTOR_H_

#include <functional>
#include <thread>
#include <vector>

#include "common/mailbox.h"
#include "common/thread_name.h"

namespace cronium {

// A few threads for work that may wait for a disk, so that threads that must not wait can hand it
// over. Thread-safe.
class Executor {
 public:
  explicit Executor(int threads) : tasks_(kCapacity) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
  }
  ~Executor() { Stop(); }

  // Never waits. Callers have at most one task each under way (a stream, a call), which is what
  // bounds the queue. False, and the task is not run, after Stop.
  bool Run(std::function<void()> task) { return tasks_.SendUrgent(std::move(task)); }

  // Runs what was handed over, then ends the threads.
  void Stop() {
    tasks_.Close();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

 private:
  static constexpr size_t kCapacity = 1;

  void Work() {
    SetThreadName("executor");
    while (true) {
      std::optional<std::function<void()>> task = tasks_.ReceiveOne();
      if (!task.has_value()) return;
      (*task)();
    }
  }

  Mailbox<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
};

}  // namespace cronium

#endif  // CRONIUM_COMMON_EXECUTOR_H_
