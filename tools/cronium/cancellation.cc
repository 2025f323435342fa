// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/cancellation.h"

#include <chrono>
#include <utility>

namespace cronium::cli {

void Cancellation::Cancel() {
  MutexLock lock(&mutex_);
  if (std::exchange(cancelled_, true)) return;
  // Under the lock, so that a Scope's end waits for a callback that uses what the Scope guards.
  for (const auto& on_cancel : callbacks_) on_cancel();
  changed_.NotifyAll();
}

bool Cancellation::cancelled() const {
  MutexLock lock(&mutex_);
  return cancelled_;
}

bool Cancellation::Pause(absl::Duration time) {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(time);
  MutexLock lock(&mutex_);
  while (!cancelled_) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero()) return true;
    changed_.WaitFor(&mutex_, left);
  }
  return false;
}

Cancellation::Scope::Scope(Cancellation* cancellation, std::function<void()> on_cancel)
    : cancellation_(cancellation) {
  if (cancellation_ == nullptr) return;
  MutexLock lock(&cancellation_->mutex_);
  if (cancellation_->cancelled_) on_cancel();
  place_ = cancellation_->callbacks_.insert(cancellation_->callbacks_.end(), std::move(on_cancel));
}

Cancellation::Scope::~Scope() {
  if (cancellation_ == nullptr) return;
  MutexLock lock(&cancellation_->mutex_);
  cancellation_->callbacks_.erase(place_);
}

}  // namespace cronium::cli
