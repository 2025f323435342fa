// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/programs/open_load.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/rpc/status.h"
#include "tools/bench/programs/small_spec.h"

namespace cronium::bench {
namespace {

constexpr auto kTick = std::chrono::milliseconds(5);
constexpr absl::Duration kCallTimeout = absl::Seconds(20);

// What a controller that is away, or just came back, is answered for with.
bool MayBeRepeated(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) ||
         absl::IsDeadlineExceeded(status) || absl::IsCancelled(status);
}

}  // namespace

struct OpenLoad::Call {
  int64_t number;
  grpc::ClientContext context;
  v1::CreateJobRequest request;
  v1::CreateJobResponse response;
};

std::string OpenLoad::RequestId(int64_t number) { return absl::StrCat("open-", number); }

OpenLoad::~OpenLoad() {
  {
    MutexLock lock(&mutex_);
    finishing_ = true;
    if (failure_.ok()) failure_ = absl::CancelledError("ended early");
  }
  if (pacer_.joinable()) pacer_.join();
  MutexLock lock(&mutex_);
  while (calls_ > 0) changed_.Wait(&mutex_);
}

void OpenLoad::Start() {
  channel_ = target_->ClientChannel();
  stub_ = v1::JobService::NewStub(channel_);
  begin_ = absl::Now();
  pacer_ = std::thread([this] { Pace(); });
}

absl::Status OpenLoad::Finish() {
  {
    MutexLock lock(&mutex_);
    finishing_ = true;
  }
  pacer_.join();
  MutexLock lock(&mutex_);
  return failure_;
}

OpenLoad::Counts OpenLoad::counts() const {
  MutexLock lock(&mutex_);
  return counts_;
}

void OpenLoad::Pace() {
  MutexLock lock(&mutex_);
  while (true) {
    while (!to_repeat_.empty()) {
      ++counts_.repeated;
      Submit(to_repeat_.front());
      to_repeat_.pop_front();
    }
    if (!failure_.ok()) return;
    if (!finishing_) {
      const auto due = static_cast<int64_t>(absl::ToDoubleSeconds(absl::Now() - begin_) * rate_);
      while (counts_.submitted < due) {
        job_ids_.emplace_back();
        Submit(counts_.submitted++);
      }
      end_ = absl::Now();
    } else if (counts_.answered == counts_.submitted) {
      return;
    }
    changed_.WaitFor(&mutex_, kTick);
  }
}

void OpenLoad::Submit(int64_t number) {
  auto* call = new Call();
  call->number = number;
  call->context.set_wait_for_ready(true);
  call->context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTimeout));
  target_->IdentifyClient(&call->context);
  *call->request.mutable_spec() = SmallSpec();
  call->request.set_request_id(RequestId(number));
  ++calls_;
  stub_->async()->CreateJob(&call->context, &call->request, &call->response,
                            [this, call](const grpc::Status& status) { OnAnswer(call, status); });
}

void OpenLoad::OnAnswer(Call* call, const grpc::Status& grpc_status) {
  const absl::Status status = FromGrpcStatus(grpc_status);
  MutexLock lock(&mutex_);
  --calls_;
  if (status.ok()) {
    ++counts_.answered;
    job_ids_[call->number] = call->response.job().id();
  } else if (MayBeRepeated(status)) {
    to_repeat_.push_back(call->number);
  } else if (failure_.ok()) {
    failure_ = status;
  }
  delete call;
  changed_.NotifyAll();
}

}  // namespace cronium::bench
