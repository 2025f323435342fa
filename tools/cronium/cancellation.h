// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_CANCELLATION_H_
#define CRONIUM_TOOLS_CRONIUM_CANCELLATION_H_

#include <functional>
#include <list>

#include "absl/time/time.h"
#include "common/mutex.h"

namespace cronium::cli {

// Lets one thread end what others wait for: calls in progress and pauses. Once cancelled it stays
// so. Thread-safe.
class Cancellation {
 public:
  void Cancel();
  bool cancelled() const;

  // False as soon as it is cancelled, true after the time.
  bool Pause(absl::Duration time);

  // While it lives, Cancel() calls on_cancel, at once where that was called before. on_cancel must
  // not use the Cancellation.
  class Scope {
   public:
    // cancellation may be null: then it does nothing.
    Scope(Cancellation* cancellation, std::function<void()> on_cancel);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Cancellation* const cancellation_;
    std::list<std::function<void()>>::iterator place_;
  };

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<std::function<void()>> callbacks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_CANCELLATION_H_
