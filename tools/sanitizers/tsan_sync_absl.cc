// SPDX-License-Identifier: Apache-2.0
// Abseil's locks, and what copies of a status share. See tsan_sync.h.
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "tools/sanitizers/tsan_sync.h"

CRONIUM_TSAN_SYNC(tsan_sync_absl)

using cronium::LibraryFunction;

// The inline namespace of Debian's Abseil is part of its names.
#define ABSL_SYMBOL(name) "_ZN4absl7debian3" name

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static auto* const lock = LibraryFunction<void(Mutex*)>(ABSL_SYMBOL("5Mutex4LockEv"));
  lock(this);
  __tsan_acquire(this);
}

bool Mutex::TryLock() {
  static auto* const try_lock = LibraryFunction<bool(Mutex*)>(ABSL_SYMBOL("5Mutex7TryLockEv"));
  if (!try_lock(this)) return false;
  __tsan_acquire(this);
  return true;
}

void Mutex::Unlock() {
  static auto* const unlock = LibraryFunction<void(Mutex*)>(ABSL_SYMBOL("5Mutex6UnlockEv"));
  __tsan_release(this);
  unlock(this);
}

// Waiting unlocks and locks within Abseil. That the wake-up follows the signal comes from the lock.
void CondVar::Wait(Mutex* mutex) {
  static auto* const wait =
      LibraryFunction<void(CondVar*, Mutex*)>(ABSL_SYMBOL("7CondVar4WaitEPNS0_5MutexE"));
  __tsan_release(mutex);
  wait(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static auto* const wait = LibraryFunction<bool(CondVar*, Mutex*, Duration)>(
      ABSL_SYMBOL("7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE"));
  __tsan_release(mutex);
  const bool timed_out = wait(this, mutex, timeout);
  __tsan_acquire(mutex);
  return timed_out;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static auto* const wait = LibraryFunction<bool(CondVar*, Mutex*, Time)>(
      ABSL_SYMBOL("7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE"));
  __tsan_release(mutex);
  const bool timed_out = wait(this, mutex, deadline);
  __tsan_acquire(mutex);
  return timed_out;
}

// Copies of a status share what it says: who gives back the last share comes after all others.
void Status::UnrefNonInlined(uintptr_t rep) {
  static auto* const unref =
      LibraryFunction<void(uintptr_t)>(ABSL_SYMBOL("6Status15UnrefNonInlinedEm"));
  __tsan_release(reinterpret_cast<void*>(rep));
  __tsan_acquire(reinterpret_cast<void*>(rep));
  unref(rep);
}

ABSL_NAMESPACE_END
}  // namespace absl
