// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/programs/simulated_agent.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock.h"
#include "common/rpc/status.h"

namespace cronium::bench {
namespace {

// As of SessionRequest.reports.
constexpr int kMostReports = 256;
// Plenty, so that slots are what limits a node.
constexpr int kCpuMillisPerSlot = 1000;
constexpr int64_t kMemoryPerSlot = 1LL << 30;

v1::ExecutionState After(v1::ExecutionState state) {
  switch (state) {
    case v1::EXECUTION_STATE_PREPARING:
      return v1::EXECUTION_STATE_RUNNING;
    case v1::EXECUTION_STATE_RUNNING:
      return v1::EXECUTION_STATE_SUCCEEDED;
    default:
      return v1::EXECUTION_STATE_UNSPECIFIED;
  }
}

}  // namespace

SimulatedAgent::SimulatedAgent(const Target* target, std::string name, int slots,
                               std::function<void(absl::Duration)> on_welcome,
                               std::function<void(const std::string&, const absl::Status&)> on_end)
    : target_(target),
      name_(std::move(name)),
      slots_(slots),
      on_welcome_(std::move(on_welcome)),
      on_end_(std::move(on_end)) {}

absl::Status SimulatedAgent::Start() {
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = target_->NodeChannel(name_);
  if (!channel.ok()) return channel.status();
  channel_ = *std::move(channel);
  stub_ = v1::AgentService::NewStub(channel_);
  target_->IdentifyNode(name_, &context_);
  stub_->async()->Session(&context_, this);
  {
    MutexLock lock(&mutex_);
    started_ = true;
    writing_ = true;
    *request_.mutable_hello() = MakeHello();
  }
  // Reports of assignments are written from reads: the hold keeps the call open between its own
  // operations.
  AddHold();
  StartWrite(&request_);
  StartRead(&response_);
  StartCall();
  return absl::OkStatus();
}

v1::Hello SimulatedAgent::MakeHello() const {
  v1::Hello hello;
  hello.set_protocol_version(1);
  hello.mutable_facts()->set_hostname(name_);
  hello.mutable_facts()->set_agent_version("bench");
  hello.mutable_facts()->set_boot_id(absl::StrCat("boot-", name_));
  hello.mutable_facts()->add_runtimes("simulated");
  hello.mutable_capacity()->set_slots(slots_);
  hello.mutable_capacity()->set_cpu_millis(slots_ * kCpuMillisPerSlot);
  hello.mutable_capacity()->set_memory_bytes(slots_ * kMemoryPerSlot);
  for (const char* type : {"RuntimeReady", "DiskReady"}) {
    v1::NodeCondition& condition = *hello.add_conditions();
    condition.set_type(type);
    condition.set_ok(true);
  }
  return hello;
}

void SimulatedAgent::TimeToHeartbeat() {
  MutexLock lock(&mutex_);
  heartbeat_due_ = true;
  WriteNext();
}

void SimulatedAgent::Stop() {
  {
    MutexLock lock(&mutex_);
    if (!started_ || std::exchange(stopping_, true)) return;
  }
  context_.TryCancel();
  Close();
  MutexLock lock(&mutex_);
  while (!done_) done_changed_.Wait(&mutex_);
}

void SimulatedAgent::Close() {
  {
    MutexLock lock(&mutex_);
    if (std::exchange(closed_, true)) return;
  }
  RemoveHold();
}

void SimulatedAgent::OnReadDone(bool ok) {
  if (!ok) {
    Close();
    return;
  }
  absl::Duration heartbeat_period;
  bool welcome = false;
  std::vector<v1::Assignment> running;
  {
    MutexLock lock(&mutex_);
    if (response_.has_welcome()) {
      welcome = true;
      heartbeat_period = absl::Seconds(response_.welcome().heartbeat_period().seconds()) +
                         absl::Nanoseconds(response_.welcome().heartbeat_period().nanos());
    }
    for (const v1::Assignment& assignment : response_.assignments().assignments()) {
      AddReport(assignment, v1::EXECUTION_STATE_PREPARING);
    }
    if (response_.has_report_ack()) running = Acknowledged(response_.report_ack().report_seq());
    WriteNext();
  }
  if (welcome) on_welcome_(heartbeat_period);
  for (const v1::Assignment& assignment : running) on_running_(assignment);
  StartRead(&response_);
}

void SimulatedAgent::OnWriteDone(bool ok) {
  MutexLock lock(&mutex_);
  writing_ = false;
  if (ok) WriteNext();
}

void SimulatedAgent::OnDone(const grpc::Status& status) {
  bool expected = false;
  {
    MutexLock lock(&mutex_);
    expected = stopping_;
    done_ = true;
    done_changed_.NotifyAll();
  }
  if (!expected) on_end_(name_, FromGrpcStatus(status));
}

void SimulatedAgent::AddReport(v1::Assignment assignment, v1::ExecutionState state) {
  v1::ExecutionReport report;
  report.set_report_seq(next_seq_++);
  report.set_execution_id(assignment.execution_id());
  report.set_state(state);
  const int64_t now_ns = absl::GetCurrentTimeNanos();
  report.mutable_time()->set_seconds(now_ns / 1'000'000'000);
  report.mutable_time()->set_nanos(static_cast<int>(now_ns % 1'000'000'000));
  if (state == v1::EXECUTION_STATE_SUCCEEDED) {
    report.mutable_end()->set_reason(v1::END_REASON_EXITED);
    report.mutable_end()->set_exit_code(0);
  }
  unacknowledged_.push_back({report.report_seq(), std::move(assignment), state});
  to_send_.push_back(std::move(report));
}

std::vector<v1::Assignment> SimulatedAgent::Acknowledged(uint64_t seq) {
  std::vector<v1::Assignment> running;
  while (!unacknowledged_.empty() && unacknowledged_.front().seq <= seq) {
    Sent sent = std::move(unacknowledged_.front());
    unacknowledged_.pop_front();
    const v1::ExecutionState next = After(sent.state);
    if (sent.state == v1::EXECUTION_STATE_RUNNING && on_running_) {
      running.push_back(std::move(sent.assignment));
    } else if (next != v1::EXECUTION_STATE_UNSPECIFIED) {
      AddReport(std::move(sent.assignment), next);
    }
  }
  return running;
}

void SimulatedAgent::WriteNext() {
  if (writing_ || closed_) return;
  request_.Clear();
  if (std::exchange(heartbeat_due_, false)) {
    request_.mutable_heartbeat()->set_send_boottime_ns(RealClock().BoottimeNs());
  } else if (!to_send_.empty()) {
    while (!to_send_.empty() && request_.reports().reports_size() < kMostReports) {
      *request_.mutable_reports()->add_reports() = std::move(to_send_.front());
      to_send_.pop_front();
    }
  } else {
    return;
  }
  writing_ = true;
  StartWrite(&request_);
}

}  // namespace cronium::bench
