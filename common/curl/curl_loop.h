// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_CURL_CURL_LOOP_H_
#define CRONIUM_COMMON_CURL_CURL_LOOP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/mutex.h"

namespace cronium {

struct CurlLoopOptions {
  // At most 15 bytes.
  const char* thread_name = "curl";
  // Connections and easy handles that are kept while nothing uses them.
  long idle_connections = 8;
  size_t idle_handles = 32;
};

// A thread with a curl multi handle that carries out transfers and timers; it sleeps in between and
// polls nothing. Who uses it owns the transfers and says what they are.
//
// Its user must outlive it, and gives it `on_stop`: called on the thread when the loop ends, to end
// all transfers.
class CurlLoop {
 public:
  using Id = uint64_t;
  using Task = absl::AnyInvocable<void()>;
  using TimerDone = std::function<void(absl::Status)>;
  // CURLcode.
  using TransferDone = std::function<void(int curl_code)>;

  CurlLoop(CurlLoopOptions options, std::function<void()> on_stop);
  ~CurlLoop();
  CurlLoop(const CurlLoop&) = delete;
  CurlLoop& operator=(const CurlLoop&) = delete;

  // ---- Thread-safe

  // A number that was not given before: for a transfer or a timer.
  Id NewId();
  // Runs the task on the thread, after those that were posted before. False, and the task is as it
  // was, once the loop has stopped.
  bool Post(Task&& task);
  // Calls done(OK) on the thread after `delay`; done(CANCELLED) where the loop stops before, on the
  // caller's thread where it has stopped already.
  Id After(absl::Duration delay, TimerDone done);
  // Ends everything, also what is posted meanwhile. Idempotent; not from the thread.
  void Stop();

  // ---- On the thread

  // A handle that is set to curl's defaults, and back. CURL*.
  void* TakeHandle();
  void GiveBack(void* handle);
  // Carries out the transfer that the handle is set up for. `done` is called once, when curl is
  // through with it and the handle is free again; not after RemoveTransfer.
  void AddTransfer(void* handle, TransferDone done);
  void RemoveTransfer(void* handle);
  // A timer under a number of the caller's.
  void StartTimer(Id id, int64_t due_ns, TimerDone done);
  // Without calling its `done`.
  void DropTimer(Id id);
  // Calls its `done` now. Nothing where there is no such timer.
  void EndTimer(Id id, const absl::Status& status);

 private:
  struct Timer {
    int64_t due_ns;
    TimerDone done;
  };

  void Run();
  void RunPosted();
  // False where more was posted meanwhile.
  bool Close();
  void Perform();
  // Milliseconds until the next.
  int FireTimers();

  const CurlLoopOptions options_;
  const std::function<void()> on_stop_;

  Mutex mutex_;
  std::vector<Task> inbox_ ABSL_GUARDED_BY(mutex_);
  Id next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;

  // The thread's own. CURLM* and CURL* are void*.
  void* multi_;
  std::vector<void*> idle_handles_;
  std::map<void*, TransferDone> transfers_;
  std::map<Id, Timer> timers_;
  std::set<std::pair<int64_t, Id>> due_;

  std::thread thread_;
};

// The clock of timers: nanoseconds of CLOCK_MONOTONIC, `delay` from now; a negative one is now.
int64_t CurlDueNs(absl::Duration delay);

}  // namespace cronium

#endif  // CRONIUM_COMMON_CURL_CURL_LOOP_H_
