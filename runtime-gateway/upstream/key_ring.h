// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_UPSTREAM_KEY_RING_H_
#define CRONIUM_RUNTIME_GATEWAY_UPSTREAM_KEY_RING_H_

#include <grpcpp/alarm.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/token/token.h"
#include "cronium/v1/runtime_service.pb.h"
#include "runtime-gateway/metrics/metrics.h"
#include "runtime-gateway/upstream/controller_client.h"

namespace cronium::gateway {

// The keys that execution tokens are signed with, as the controller last told them. Thread-safe.
//
// A token that names a key which is not here may be signed with a newer one, or be junk. Whoever
// sees one asks for a refresh and waits; all who wait share one fetch, and a fetch begins at most
// once in min_interval. So a new key is never refused, and junk costs the controller next to
// nothing.
class KeyRing {
 public:
  // Pointers are borrowed. The client must be shut down before the ring is destroyed.
  KeyRing(ControllerClient* client, const Clock* clock, Metrics* metrics,
          absl::Duration min_interval = absl::Seconds(1));
  // Waits until a fetch that is under way has ended.
  ~KeyRing();

  // Never null; knows no key before the first fetch.
  std::shared_ptr<const TokenVerifier> verifier() const;
  // Whether a fetch has succeeded.
  bool has_keys() const;

  // Calls done once a fetch that began after this call has succeeded, or the first one has failed.
  // Not on this thread, except after Shutdown.
  void Refresh(std::function<void(absl::Status)> done);

  // Begins a fetch, unless one is under way or due.
  void Want();

  // Ends a pause before a fetch at once: the fetch then fails where the client was shut down.
  void Shutdown();

 private:
  using Waiters = std::vector<std::function<void(absl::Status)>>;

  void FetchWhenDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fetch() ABSL_LOCKS_EXCLUDED(mutex_);
  void OnFetched(CallResult<v1::GetTokenKeysResponse> result) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status TakeOver(const v1::GetTokenKeysResponse& response);

  ControllerClient* const client_;
  const Clock* const clock_;
  Metrics* const metrics_;
  const int64_t min_interval_ns_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::shared_ptr<const TokenVerifier> verifier_ ABSL_GUARDED_BY(mutex_);
  bool has_keys_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // From the decision to fetch until the answer is here: a pause, then a call.
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t last_begin_ns_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Alarm> pause_ ABSL_GUARDED_BY(mutex_);
  // For the fetch that is being made, and for the one after it.
  Waiters current_ ABSL_GUARDED_BY(mutex_);
  Waiters next_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_UPSTREAM_KEY_RING_H_
