// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_MAILBOX_H_
#define CRONIUM_COMMON_MAILBOX_H_

#include <chrono>
#include <cstddef>
#include <deque>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "common/mutex.h"

namespace cronium {

// Many senders, one receiver that takes everything there is at once: how threads hand work to a
// thread that owns its state. Bounded: Send waits while the box is full, which slows the producer;
// TrySend refuses instead. Thread-safe.
template <typename T>
class Mailbox {
 public:
  explicit Mailbox(size_t capacity) : capacity_(capacity) {}

  // False once the box is closed.
  bool Send(T item) {
    MutexLock lock(&mutex_);
    while (items_.size() >= capacity_ && !closed_) not_full_.Wait(&mutex_);
    return Push(std::move(item));
  }

  // False where the box is full or closed; item is then untouched.
  bool TrySend(T&& item) {
    MutexLock lock(&mutex_);
    if (items_.size() >= capacity_) return false;
    return Push(std::move(item));
  }

  // Past the capacity: for what must not wait, because the sender is what the receiver waits for.
  // Its own bound must be stated.
  bool SendUrgent(T item) {
    MutexLock lock(&mutex_);
    return Push(std::move(item));
  }

  // Waits for items, at most timeout where one is given. Empty after the timeout, and when closed
  // and drained.
  std::vector<T> Receive(std::optional<std::chrono::nanoseconds> timeout = std::nullopt) {
    MutexLock lock(&mutex_);
    if (timeout.has_value()) {
      const auto deadline = std::chrono::steady_clock::now() + *timeout;
      while (items_.empty() && !closed_) {
        const auto left = deadline - std::chrono::steady_clock::now();
        if (left <= left.zero() || !not_empty_.WaitFor(&mutex_, left)) break;
      }
    } else {
      while (items_.empty() && !closed_) not_empty_.Wait(&mutex_);
    }
    std::vector<T> taken(std::make_move_iterator(items_.begin()),
                         std::make_move_iterator(items_.end()));
    items_.clear();
    not_full_.NotifyAll();
    return taken;
  }

  // Waits for one item; none when closed and drained. For several receivers.
  std::optional<T> ReceiveOne() {
    MutexLock lock(&mutex_);
    while (items_.empty() && !closed_) not_empty_.Wait(&mutex_);
    if (items_.empty()) return std::nullopt;
    T item = std::move(items_.front());
    items_.pop_front();
    not_full_.NotifyOne();
    return item;
  }

  // Nothing more goes in; what is in is still received.
  void Close() {
    MutexLock lock(&mutex_);
    closed_ = true;
    not_empty_.NotifyAll();
    not_full_.NotifyAll();
  }

  bool closed() const {
    MutexLock lock(&mutex_);
    return closed_;
  }

 private:
  bool Push(T item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (closed_) return false;
    items_.push_back(std::move(item));
    not_empty_.NotifyOne();
    return true;
  }

  const size_t capacity_;
  mutable Mutex mutex_;
  CondVar not_empty_;
  CondVar not_full_;
  std::deque<T> items_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace cronium

#endif  // CRONIUM_COMMON_MAILBOX_H_
