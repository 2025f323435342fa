// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/programs/lasting_agent.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock.h"

namespace cronium::bench {
namespace {

// As of SessionRequest.reports.
constexpr int kReportsAtOnce = 256;
constexpr auto kReconnectPause = std::chrono::milliseconds(50);

bool Ended(v1::ExecutionState state) { return state >= v1::EXECUTION_STATE_SUCCEEDED; }

}  // namespace

void LastingAgent::Start() {
  thread_ = std::thread([this] { Run(); });
}

void LastingAgent::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

int64_t LastingAgent::begun() const {
  MutexLock lock(&mutex_);
  return begun_count_;
}

int64_t LastingAgent::begun_twice() const {
  MutexLock lock(&mutex_);
  return begun_twice_;
}

void LastingAgent::Run() {
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = target_->NodeChannel(name_);
  if (!channel.ok()) return;
  channel_ = *std::move(channel);
  stub_ = v1::AgentService::NewStub(channel_);
  while (true) {
    KeepSession();
    MutexLock lock(&mutex_);
    if (stopping_) return;
    changed_.WaitFor(&mutex_, kReconnectPause);
    if (stopping_) return;
  }
}

// Without heartbeats: a session of this program is never silent for long.
void LastingAgent::KeepSession() {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  target_->IdentifyNode(name_, &context);
  {
    MutexLock lock(&mutex_);
    if (stopping_) return;
    context_ = &context;
  }
  last_sent_ = 0;
  const std::unique_ptr<Stream> stream = stub_->Session(&context);
  bool open = stream->Write(MakeHello());
  v1::SessionResponse response;
  while (open && stream->Read(&response)) {
    if (response.has_welcome()) Welcomed(response.welcome());
    for (const v1::Assignment& assignment : response.assignments().assignments()) {
      Accept(assignment);
    }
    if (response.has_report_ack()) Acknowledged(response.report_ack().report_seq());
    open = SendReports(stream.get());
  }
  context.TryCancel();
  (void)stream->Finish();
  MutexLock lock(&mutex_);
  context_ = nullptr;
}

v1::SessionRequest LastingAgent::MakeHello() const {
  v1::SessionRequest request;
  v1::Hello& hello = *request.mutable_hello();
  hello.set_protocol_version(1);
  hello.mutable_facts()->set_hostname(name_);
  hello.mutable_facts()->set_agent_version("bench");
  hello.mutable_facts()->set_boot_id(absl::StrCat("boot-", name_));
  hello.mutable_facts()->set_state_id(absl::StrCat("state-", name_));
  hello.mutable_facts()->add_runtimes("simulated");
  hello.mutable_capacity()->set_slots(slots_);
  hello.mutable_capacity()->set_cpu_millis(slots_ * 1000);
  hello.mutable_capacity()->set_memory_bytes(int64_t{slots_} << 30);
  for (const char* type : {"RuntimeReady", "DiskReady"}) {
    v1::NodeCondition& condition = *hello.add_conditions();
    condition.set_type(type);
    condition.set_ok(true);
  }
  for (const auto& [id, state] : held_) {
    v1::HeldExecution& held = *hello.add_held();
    held.set_execution_id(id);
    held.set_state(state);
    if (Ended(state)) hello.add_logs()->set_execution_id(id);
  }
  return request;
}

void LastingAgent::Welcomed(const v1::Welcome& welcome) {
  const std::set<std::string> keep(welcome.keep().begin(), welcome.keep().end());
  const std::set<std::string> forget(welcome.forget().begin(), welcome.forget().end());
  for (auto it = held_.begin(); it != held_.end();) {
    const std::string& id = it->first;
    const bool unwanted = forget.count(id) > 0 || (!Ended(it->second) && keep.count(id) == 0);
    if (unwanted) {
      std::erase_if(unacknowledged_, [&id](const auto& r) { return r.execution_id() == id; });
    }
    it = unwanted ? held_.erase(it) : std::next(it);
  }
}

void LastingAgent::Accept(const v1::Assignment& assignment) {
  const std::string& id = assignment.execution_id();
  if (held_.count(id) > 0) return;
  const bool twice = ++begun_[id] > 1;
  {
    MutexLock lock(&mutex_);
    ++begun_count_;
    if (twice) ++begun_twice_;
  }
  on_begin_();
  Report(id, v1::EXECUTION_STATE_PREPARING);
}

void LastingAgent::Report(const std::string& execution_id, v1::ExecutionState state) {
  held_[execution_id] = state;
  v1::ExecutionReport& report = unacknowledged_.emplace_back();
  report.set_report_seq(++last_seq_);
  report.set_execution_id(execution_id);
  report.set_state(state);
  const int64_t now_ns = absl::GetCurrentTimeNanos();
  report.mutable_time()->set_seconds(now_ns / 1'000'000'000);
  report.mutable_time()->set_nanos(static_cast<int>(now_ns % 1'000'000'000));
  if (!Ended(state)) return;
  report.mutable_end()->set_reason(v1::END_REASON_EXITED);
  report.mutable_end()->set_exit_code(0);
}

void LastingAgent::Acknowledged(uint64_t seq) {
  while (!unacknowledged_.empty() && unacknowledged_.front().report_seq() <= seq) {
    const std::string id = unacknowledged_.front().execution_id();
    const v1::ExecutionState state = unacknowledged_.front().state();
    unacknowledged_.pop_front();
    if (held_.count(id) == 0) continue;
    if (Ended(state)) {
      held_.erase(id);
    } else {
      Report(id, state == v1::EXECUTION_STATE_PREPARING ? v1::EXECUTION_STATE_RUNNING
                                                        : v1::EXECUTION_STATE_SUCCEEDED);
    }
  }
}

bool LastingAgent::SendReports(Stream* stream) {
  v1::SessionRequest request;
  for (const v1::ExecutionReport& report : unacknowledged_) {
    if (report.report_seq() <= last_sent_) continue;
    last_sent_ = report.report_seq();
    *request.mutable_reports()->add_reports() = report;
    if (request.reports().reports_size() < kReportsAtOnce) continue;
    if (!stream->Write(request)) return false;
    request.Clear();
  }
  return request.reports().reports_size() == 0 || stream->Write(request);
}

}  // namespace cronium::bench
