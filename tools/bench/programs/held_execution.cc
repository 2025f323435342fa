// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/programs/held_execution.h"

#include "absl/time/clock.h"
#include "common/rpc/status.h"
#include "cronium/v1/job_service.grpc.pb.h"

namespace cronium::bench {
namespace {

constexpr absl::Duration kHoldLimit = absl::Seconds(20);

}  // namespace

HeldExecution::HeldExecution(const Target* target, const std::string& node)
    : agent_(
          target, node, /*slots=*/1,
          [this](absl::Duration period) {
            MutexLock lock(&mutex_);
            period_ = period;
            changed_.NotifyAll();
          },
          [this](const std::string& /*name*/, const absl::Status& status) {
            MutexLock lock(&mutex_);
            status_ = status.ok() ? absl::InternalError("the session ended") : status;
            changed_.NotifyAll();
          }) {
  agent_.KeepRunning([this](const v1::Assignment& assignment) {
    MutexLock lock(&mutex_);
    assignment_ = assignment;
    running_ = true;
    changed_.NotifyAll();
  });
}

absl::StatusOr<std::unique_ptr<HeldExecution>> HeldExecution::Start(const Target* target,
                                                                    const std::string& node) {
  std::unique_ptr<HeldExecution> held(new HeldExecution(target, node));
  if (absl::Status started = held->agent_.Start(); !started.ok()) return started;
  if (absl::Status created = held->CreateJob(*target); !created.ok()) return created;
  if (absl::Status running = held->WaitUntilRunning(); !running.ok()) return running;
  held->heartbeats_ = std::thread([raw = held.get()] { raw->SendHeartbeats(); });
  return held;
}

HeldExecution::~HeldExecution() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (heartbeats_.joinable()) heartbeats_.join();
  agent_.Stop();
}

absl::Status HeldExecution::CreateJob(const Target& target) const {
  const std::shared_ptr<grpc::Channel> channel = target.ClientChannel();
  grpc::ClientContext context;
  target.IdentifyClient(&context);
  v1::CreateJobRequest request;
  v1::CreateJobResponse response;
  request.mutable_spec()->mutable_container()->set_image("bench");
  request.mutable_spec()->mutable_container()->mutable_script()->set_content("#!/bin/sh\n");
  return FromGrpcStatus(v1::JobService::NewStub(channel)->CreateJob(&context, request, &response));
}

absl::Status HeldExecution::WaitUntilRunning() {
  const absl::Time end = absl::Now() + kHoldLimit;
  MutexLock lock(&mutex_);
  while (!running_ && status_.ok()) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return absl::DeadlineExceededError("the job does not run");
    changed_.WaitFor(&mutex_, absl::ToChronoNanoseconds(left));
  }
  return status_;
}

void HeldExecution::SendHeartbeats() {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    mutex_.Unlock();
    agent_.TimeToHeartbeat();
    mutex_.Lock();
    if (!stopping_) changed_.WaitFor(&mutex_, absl::ToChronoNanoseconds(period_));
  }
}

absl::Status HeldExecution::status() const {
  MutexLock lock(&mutex_);
  return status_;
}

}  // namespace cronium::bench
