// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_UPSTREAM_RETRYING_CALL_H_
#define CRONIUM_RUNTIME_GATEWAY_UPSTREAM_RETRYING_CALL_H_

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/mutex.h"

namespace cronium::gateway {

// One call to the controller, tried until it is answered, its time is over, or it must not be tried
// again.
//
// Every try waits for a connection, so a controller that is away costs no try and cannot have seen
// the call. A try that fails with UNAVAILABLE was either refused by the controller (the failure
// carries ErrorInfo: nothing was done) or broke off on the way (it may have been done). The first
// kind is always tried again, the second only where the call is idempotent.
//
// Owned by its callbacks, and by the client's list for as long as it runs. Thread-safe.
class RetryingCall : public std::enable_shared_from_this<RetryingCall> {
 public:
  // Makes one try; calls finished on a thread of gRPC. The context lives until then.
  using Try = std::function<void(grpc::ClientContext*, std::function<void(grpc::Status)> finished)>;
  // Called once. repeated: see CallResult.
  using Done = std::function<void(absl::Status, bool repeated)>;

  struct Policy {
    std::chrono::system_clock::time_point deadline;
    bool idempotent = true;
    std::string execution_token;
    std::string dev_node;
    std::function<void()> on_retry;
    // Before `done`, so that who has the answer finds it counted.
    std::function<void(const absl::Status&)> on_answer;
    // After `done`: nothing of this call is in use any more but the call itself.
    std::function<void(RetryingCall*, const absl::Status&)> on_end;
  };

  RetryingCall(Try try_once, Done done) : try_(std::move(try_once)), done_(std::move(done)) {}

  void Start(Policy policy);
  // Instead of Start.
  void Refuse(absl::Status status) { done_(std::move(status), false); }

  // Ends it soon with UNAVAILABLE (GATEWAY_STOPPING), unless it has just been answered.
  void Cancel();

 private:
  void MakeTry() ABSL_LOCKS_EXCLUDED(mutex_);
  void OnFinished(const grpc::Status& grpc_status) ABSL_LOCKS_EXCLUDED(mutex_);
  // How long to wait before the next try; none where there is to be none.
  std::optional<absl::Duration> RetryAfter(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);

  const Try try_;
  const Done done_;
  Policy policy_;

  Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  // Whether an earlier try may have reached the controller.
  bool repeated_ ABSL_GUARDED_BY(mutex_) = false;
  int tries_ ABSL_GUARDED_BY(mutex_) = 0;
  // What the controller last said to a try that it refused; OK before. Says more than a deadline.
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);
  // Of the try that is under way. It holds the channel, so it must be gone before the call has
  // ended and the client may be: the last holder of a channel must not be a thread of gRPC, which
  // would wait for itself.
  std::unique_ptr<grpc::ClientContext> context_ ABSL_GUARDED_BY(mutex_);
  // Runs between two tries. A new one each time: the callback of the last may not have returned
  // yet.
  std::unique_ptr<grpc::Alarm> pause_ ABSL_GUARDED_BY(mutex_);
};

// UNAVAILABLE (GATEWAY_STOPPING).
absl::Status StoppingError();

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_UPSTREAM_RETRYING_CALL_H_
