// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_UPSTREAM_CONTROLLER_CLIENT_H_
#define CRONIUM_RUNTIME_GATEWAY_UPSTREAM_CONTROLLER_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "cronium/v1/runtime_service.grpc.pb.h"
#include "runtime-gateway/metrics/metrics.h"
#include "runtime-gateway/upstream/retrying_call.h"
#include "runtime-gateway/upstream/variable_reader.h"

namespace cronium::gateway {

struct ControllerClientOptions {
  // How long a call may take with all its tries.
  absl::Duration retry_for = absl::Seconds(25);
  // Sent as `cronium-dev-node` where it is not empty: what stands for a certificate in clear text.
  std::string dev_node;
};

struct CallOptions {
  // Sent as `cronium-execution-token` where it is not empty.
  std::string execution_token;
  // Whether it may be made again when it is not known whether the controller has seen it.
  bool idempotent = true;
  // How long it may take with all its tries; retry_for where it is zero.
  absl::Duration within;
};

template <typename Response>
struct CallResult {
  absl::StatusOr<Response> response;
  // An earlier try may have had its effect already, so that this answer may describe what was found
  // after it.
  bool repeated = false;
};

// Calls of RuntimeService over one channel, on which all of them are multiplexed. While the
// controller is out of reach, calls wait for it, and those that broke off are made again after a
// while, for at most retry_for in all. Thread-safe.
class ControllerClient {
 public:
  using Async = v1::RuntimeService::StubInterface::async_interface;
  template <typename Request, typename Response>
  using Method = void (Async::*)(grpc::ClientContext*, const Request*, Response*,
                                 std::function<void(grpc::Status)>);

  // metrics is borrowed.
  ControllerClient(std::shared_ptr<grpc::Channel> channel, ControllerClientOptions options,
                   Metrics* metrics);
  // Shuts down, and waits until every call has ended.
  ~ControllerClient();

  // Makes a call, `&ControllerClient::Async::GetInput` for example. done is called exactly once, on
  // a thread of gRPC, or on this one after Shutdown. Its failure is UNAVAILABLE or
  // DEADLINE_EXCEEDED without ErrorInfo where the controller could not be reached, UNAVAILABLE with
  // OUTCOME_UNKNOWN where a call broke off that must not be made again, and else what the
  // controller said.
  template <typename Request, typename Response>
  void Call(Method<Request, Response> method, CallOptions call_options, Request request,
            std::function<void(CallResult<Response>)> done);

  // ReadVariable, together with others where many are made at once. done as of Call.
  void ReadVariable(std::string execution_token, std::string key, VariableReader::Done done) {
    reader_.Read(std::move(execution_token), std::move(key), std::move(done));
  }

  // Whether a connection stands. Where there is none, has one made.
  bool IsConnected();

  // Ends the calls that are under way, and each later one at once, with UNAVAILABLE
  // (GATEWAY_STOPPING).
  void Shutdown();

 private:
  void Start(std::shared_ptr<RetryingCall> call, const CallOptions& call_options);
  // Of each call, when it has ended.
  void OnEnd(RetryingCall* call, const absl::Status& status);
  void CountRefusal(const absl::Status& status);

  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::RuntimeService::Stub> stub_;
  const ControllerClientOptions options_;
  Metrics* const metrics_;
  VariableReader reader_;
  // Only to log when this changes.
  std::atomic<bool> reachable_{true};

  Mutex mutex_;
  CondVar changed_;
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<std::shared_ptr<RetryingCall>> calls_ ABSL_GUARDED_BY(mutex_);
};

template <typename Request, typename Response>
void ControllerClient::Call(Method<Request, Response> method, CallOptions call_options,
                            Request request, std::function<void(CallResult<Response>)> done) {
  struct Messages {
    Request request;
    Response response;
  };
  auto messages = std::make_shared<Messages>();
  messages->request = std::move(request);
  Start(std::make_shared<RetryingCall>(
            [this, method, messages](grpc::ClientContext* context,
                                     std::function<void(grpc::Status)> finished) {
              messages->response.Clear();
              (stub_->async()->*method)(context, &messages->request, &messages->response,
                                        std::move(finished));
            },
            [messages, done = std::move(done)](absl::Status status, bool repeated) {
              if (status.ok()) {
                done({std::move(messages->response), repeated});
              } else {
                done({std::move(status), repeated});
              }
            }),
        call_options);
}

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_UPSTREAM_CONTROLLER_CLIENT_H_
