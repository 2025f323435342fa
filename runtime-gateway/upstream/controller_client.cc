// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/upstream/controller_client.h"

#include <chrono>
#include <vector>

#include "common/error.h"
#include "common/log.h"
#include "common/token/token.h"

namespace cronium::gateway {

ControllerClient::ControllerClient(std::shared_ptr<grpc::Channel> channel,
                                   ControllerClientOptions options, Metrics* metrics)
    : channel_(std::move(channel)),
      stub_(v1::RuntimeService::NewStub(channel_)),
      options_(std::move(options)),
      metrics_(metrics),
      reader_(this, options_.retry_for) {}

ControllerClient::~ControllerClient() {
  Shutdown();
  MutexLock lock(&mutex_);
  while (!calls_.empty()) changed_.Wait(&mutex_);
}

bool ControllerClient::IsConnected() {
  return channel_->GetState(/*try_to_connect=*/true) == GRPC_CHANNEL_READY;
}

void ControllerClient::Start(std::shared_ptr<RetryingCall> call, const CallOptions& call_options) {
  RetryingCall::Policy policy;
  const absl::Duration within =
      call_options.within > absl::ZeroDuration() ? call_options.within : options_.retry_for;
  policy.deadline = std::chrono::system_clock::now() + absl::ToChronoMicroseconds(within);
  policy.idempotent = call_options.idempotent;
  policy.execution_token = call_options.execution_token;
  policy.dev_node = options_.dev_node;
  policy.on_retry = [this] { metrics_->CallRetried(); };
  policy.on_answer = [this](const absl::Status& status) { CountRefusal(status); };
  policy.on_end = [this](RetryingCall* ended, const absl::Status& status) { OnEnd(ended, status); };
  bool shut_down;
  {
    MutexLock lock(&mutex_);
    shut_down = shut_down_;
    if (!shut_down) calls_.insert(call);
  }
  if (shut_down) {
    call->Refuse(StoppingError());
  } else {
    call->Start(std::move(policy));
  }
}

void ControllerClient::OnEnd(RetryingCall* call, const absl::Status& status) {
  const bool unreachable = (status.code() == absl::StatusCode::kUnavailable ||
                            status.code() == absl::StatusCode::kDeadlineExceeded) &&
                           ErrorReason(status).empty();
  if (unreachable) metrics_->CallFailed();
  if (reachable_.exchange(!unreachable) == unreachable) {
    if (unreachable) {
      LogWarning("the controller does not answer", {{"reason", status}});
    } else {
      LogInfo("the controller answers again");
    }
  }
  MutexLock lock(&mutex_);
  calls_.erase(call->shared_from_this());
  if (calls_.empty()) changed_.NotifyAll();
}

// The controller's refusals of tokens that were right here.
void ControllerClient::CountRefusal(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kPermissionDenied &&
      status.code() != absl::StatusCode::kUnauthenticated) {
    return;
  }
  const std::string reason = ErrorReason(status);
  if (reason == "EXECUTION_ENDED") {
    metrics_->TokenRefused("ended");
  } else if (reason == "WRONG_NODE") {
    metrics_->TokenRefused("wrong_node");
  } else if (const std::string check = FailedTokenCheck(status); !check.empty()) {
    metrics_->TokenRefused(check);
  }
}

void ControllerClient::Shutdown() {
  std::vector<std::shared_ptr<RetryingCall>> calls;
  {
    MutexLock lock(&mutex_);
    shut_down_ = true;
    calls.assign(calls_.begin(), calls_.end());
  }
  for (const auto& call : calls) call->Cancel();
}

}  // namespace cronium::gateway
