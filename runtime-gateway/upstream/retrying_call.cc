// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/upstream/retrying_call.h"

#include <algorithm>
#include <random>
#include <utility>

#include "common/error.h"
#include "common/fault.h"
#include "common/rpc/status.h"
#include "runtime-gateway/upstream/timer.h"

namespace cronium::gateway {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(50);
constexpr absl::Duration kLongestPause = absl::Seconds(2);

// Doubles with each try; half of it is random, so that what failed together does not come back
// together.
absl::Duration PauseAfter(int tries) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const absl::Duration whole =
      std::min(kLongestPause, kFirstPause * (int64_t{1} << std::min(tries - 1, 10)));
  return whole * std::uniform_real_distribution<>(0.5, 1.0)(random);
}

}  // namespace

absl::Status StoppingError() {
  return MakeError(absl::StatusCode::kUnavailable, "GATEWAY_STOPPING",
                   "the runtime gateway is stopping");
}

void RetryingCall::Start(Policy policy) {
  policy_ = std::move(policy);
  MakeTry();
}

void RetryingCall::Cancel() {
  MutexLock lock(&mutex_);
  cancelled_ = true;
  if (context_ != nullptr) {
    context_->TryCancel();
  } else if (pause_ != nullptr) {
    pause_->Cancel();
  }
}

void RetryingCall::MakeTry() {
  auto new_context = std::make_unique<grpc::ClientContext>();
  grpc::ClientContext* context = new_context.get();
  context->set_deadline(policy_.deadline);
  context->set_wait_for_ready(true);
  if (!policy_.execution_token.empty()) {
    context->AddMetadata("cronium-execution-token", policy_.execution_token);
  }
  if (!policy_.dev_node.empty()) context->AddMetadata("cronium-dev-node", policy_.dev_node);
  {
    MutexLock lock(&mutex_);
    ++tries_;
    context_ = std::move(new_context);
    pause_.reset();
    // Cancelled before it begins, a call ends as soon as it does.
    if (cancelled_) context->TryCancel();
  }
  FaultOn("gateway.call.sent");
  try_(context,
       [self = shared_from_this()](const grpc::Status& status) { self->OnFinished(status); });
}

void RetryingCall::OnFinished(const grpc::Status& grpc_status) {
  absl::Status status = FromGrpcStatus(grpc_status);
  if (status.ok()) FaultOn("gateway.call.answered");
  {
    MutexLock lock(&mutex_);
    context_.reset();
    if (cancelled_ && !status.ok()) {
      status = StoppingError();
    } else if (const std::optional<absl::Duration> pause = RetryAfter(status); pause.has_value()) {
      policy_.on_retry();
      pause_ = StartTimer(*pause, [self = shared_from_this()](bool passed) {
        if (passed) {
          self->MakeTry();
        } else {
          self->End(StoppingError());
        }
      });
      return;
    } else if (status.code() == absl::StatusCode::kUnavailable && !policy_.idempotent &&
               ErrorReason(status).empty()) {
      status = MakeError(absl::StatusCode::kUnavailable, "OUTCOME_UNKNOWN",
                         "the connection to the controller broke off before it answered: it is not "
                         "known whether the call had its effect");
    } else if (absl::IsDeadlineExceeded(status) && policy_.idempotent && !refusal_.ok()) {
      status = refusal_;
    }
  }
  End(std::move(status));
}

std::optional<absl::Duration> RetryingCall::RetryAfter(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kUnavailable) return std::nullopt;
  const bool refused = !ErrorReason(status).empty();
  if (!refused && !policy_.idempotent) return std::nullopt;
  if (refused) refusal_ = status;
  const absl::Duration pause = std::max(PauseAfter(tries_), RetryDelay(status));
  const auto left = absl::FromChrono(policy_.deadline - std::chrono::system_clock::now());
  if (pause >= left) return std::nullopt;
  if (!refused) repeated_ = true;
  return pause;
}

void RetryingCall::End(absl::Status status) {
  bool repeated;
  {
    MutexLock lock(&mutex_);
    repeated = repeated_;
    pause_.reset();
  }
  policy_.on_answer(status);
  done_(status, repeated);
  policy_.on_end(this, status);
}

}  // namespace cronium::gateway
