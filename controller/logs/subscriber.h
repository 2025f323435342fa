// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_SUBSCRIBER_H_
#define CRONIUM_CONTROLLER_LOGS_SUBSCRIBER_H_

#include <cstdint>
#include <functional>
#include <utility>

#include "common/mutex.h"

namespace cronium::controller::logs {

// A callback that can be switched off, after which it does not run and is not running. Thread-safe.
class Subscriber {
 public:
  explicit Subscriber(std::function<void(uint64_t)> callback) : callback_(std::move(callback)) {}

  void Notify(uint64_t durable_seq) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    if (callback_) callback_(durable_seq);
  }
  // Waits for a callback that runs. Not from the callback itself.
  void SwitchOff() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    callback_ = nullptr;
  }

 private:
  Mutex mutex_;
  std::function<void(uint64_t)> callback_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_SUBSCRIBER_H_
