// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_UPSTREAM_VARIABLE_READER_H_
#define CRONIUM_RUNTIME_GATEWAY_UPSTREAM_VARIABLE_READER_H_

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "cronium/v1/runtime_service.pb.h"
#include "cronium/v1/variable.pb.h"

namespace cronium::gateway {

class ControllerClient;

// Reads of variables, many in one call: a read is sent at once while few calls are under way, and
// else with all others that wait, as soon as a call is answered. So an idle gateway adds no wait,
// and a busy one pays for a call once for many reads. Every read is made after it was asked for;
// nothing is kept. Thread-safe.
//
// Bounds: what waits is at most one read of each connection.
class VariableReader {
 public:
  using Done = std::function<void(absl::StatusOr<v1::Variable>)>;

  // client is borrowed, and ends all calls before this goes. A read may take retry_for, as any
  // call.
  VariableReader(ControllerClient* client, absl::Duration retry_for)
      : client_(client), retry_for_(retry_for) {}

  // done is called exactly once, on a thread of gRPC, or on this one after the client's Shutdown.
  // Fails as ControllerClient::Call of ReadVariable would.
  void Read(std::string execution_token, std::string key, Done done);

 private:
  struct Item {
    std::string execution_token;
    std::string key;
    Done done;
    std::chrono::steady_clock::time_point deadline;
  };
  using Items = std::vector<Item>;

  // Sends what waits, as far as it may.
  void Pump() ABSL_LOCKS_EXCLUDED(mutex_);
  void Send(const std::shared_ptr<Items>& items);
  void OnAnswer(Items items, v1::ReadVariablesResponse response);
  void OnFailure(Items items, const absl::Status& status);
  // What was not answered though it may still be, in its old order.
  void WaitAgain(Items items) ABSL_LOCKS_EXCLUDED(mutex_);

  ControllerClient* const client_;
  const absl::Duration retry_for_;
  Mutex mutex_;
  std::deque<Item> waiting_ ABSL_GUARDED_BY(mutex_);
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_UPSTREAM_VARIABLE_READER_H_
