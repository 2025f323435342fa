// SPDX-License-Identifier: Apache-2.0
#include "agent/execution/execution_machine.h"

#include <algorithm>
#include <utility>

#include "common/error.h"
#include "common/proto_time.h"
#include "common/protocol_rules.h"

namespace cronium::agent {
namespace {

int64_t ToNs(const google::protobuf::Duration& duration) {
  return absl::ToInt64Nanoseconds(ToDuration(duration));
}

int64_t Add(int64_t time_ns, int64_t span_ns) {
  int64_t sum = 0;
  return __builtin_add_overflow(time_ns, span_ns, &sum) ? ExecutionMachine::kNever : sum;
}

// Whether the call may have taken effect, or may still.
bool IsAmbiguous(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

}  // namespace

absl::string_view CallName(Call call) {
  switch (call) {
    case Call::kMakeRun:
      return "make run folder";
    case Call::kReopenRun:
      return "reopen run folder";
    case Call::kCreate:
      return "create";
    case Call::kPrepareImage:
      return "prepare image";
    case Call::kCancelImage:
      return "cancel image";
    case Call::kStart:
      return "start";
    case Call::kWait:
      return "wait";
    case Call::kTerminate:
      return "terminate";
    case Call::kKill:
      return "kill";
    case Call::kRemove:
      return "remove";
    case Call::kCloseLog:
      return "close log";
    case Call::kDropRun:
      return "drop run folder";
    case Call::kForget:
      return "forget";
  }
  return "?";
}

ExecutionMachine::ExecutionMachine(const v1::Assignment& assignment, const ExecutionRecord& record)
    : id_(assignment.execution_id()),
      prepare_timeout_ns_(ToNs(assignment.spec().timeouts().prepare())),
      run_timeout_ns_(ToNs(assignment.spec().timeouts().run())),
      stop_grace_ns_(ToNs(assignment.spec().timeouts().stop_grace())),
      record_(record) {
  facts_.stop_reason = record.stop_reason;
  // Its journal is gone, and with it the spool that lay beside.
  facts_.log_lost = assignment.began();
  facts_.memory_limit_bytes = assignment.spec().container().resources().memory_bytes();
}

// ---- Inputs: each notes what is now known.

Effects ExecutionMachine::Begin(int64_t now) {
  engine_ = Engine::kAbsent;
  record_.state = v1::EXECUTION_STATE_PREPARING;
  effects_.save = true;
  Report(v1::EXECUTION_STATE_PREPARING);
  return Finish(now);
}

Effects ExecutionMachine::Recover(std::optional<ContainerState> found, int64_t now,
                                  bool may_have_begun, absl::string_view found_id) {
  now_ = now;
  if (alive() && record_.state == v1::EXECUTION_STATE_ASSIGNED) {
    record_.state = v1::EXECUTION_STATE_PREPARING;
    effects_.save = true;
    Report(v1::EXECUTION_STATE_PREPARING);
  }
  const bool ran = record_.state >= v1::EXECUTION_STATE_RUNNING;
  const bool another =
      !record_.container_id.empty() && !found_id.empty() && found_id != record_.container_id;
  if ((another && may_have_begun) || (found == ContainerState::kCreated && ran)) {
    // Not one to be started or attached to: what may have run is gone, and an earlier create was
    // carried out late. It only goes.
    maybe_created_ = true;
    found.reset();
  }
  if (found.has_value() && !found_id.empty() && record_.container_id != found_id) {
    record_.container_id = std::string(found_id);
    effects_.save = true;
  }
  if (!found.has_value()) {
    engine_ = Engine::kAbsent;
    if (alive() && (may_have_begun || ran)) {
      engine_ = Engine::kGone;
      facts_.found_ended = true;
      SetStop(v1::END_REASON_RUNTIME_ERROR, "the container was gone when the agent came back");
      Do(Call::kReopenRun, Pending::kRun);
    }
    return Finish(now);
  }
  switch (*found) {
    case ContainerState::kCreated:
      engine_ = Engine::kCreated;
      may_create_again_ = !may_have_begun;
      if (may_have_begun && alive()) {
        // docs/protocol.md P39: it may be about to be started, by a call that the engine has.
        RuleApplied(39);
        maybe_started_ = true;
        Do(Call::kReopenRun, Pending::kRun);
      }
      return Finish(now);
    case ContainerState::kRunning:
      engine_ = Engine::kStarted;
      init_exit_by_ns_ = Add(now, kInitExitNs);
      break;
    case ContainerState::kEnded:
      engine_ = Engine::kEnded;
      facts_.found_ended = true;
      break;
  }
  if (alive()) {
    Do(Call::kReopenRun, Pending::kRun);
    if (engine_ == Engine::kStarted || facts_.started) MarkRunning();
  }
  return Finish(now);
}

Effects ExecutionMachine::LoseToReboot(uint64_t last_seq, int64_t now) {
  now_ = now;
  if (!alive()) return {};
  facts_.found_ended = true;
  facts_.last_seq = last_seq;
  RuleApplied(36);  // docs/protocol.md P36
  SetStop(v1::END_REASON_NODE_LOST, "the host was rebooted");
  ReportEnd();
  return Finish(now);
}

Effects ExecutionMachine::OnRunReady(const absl::Status& status, int64_t now) {
  now_ = now;
  pending_ = Pending::kNone;
  run_ready_ = status.ok();
  if (status.ok()) {
    log_ = LogCapture::kOpen;
  } else {
    facts_.log_lost |= engine_ != Engine::kAbsent;
    SetStop(v1::END_REASON_RUNTIME_ERROR, status.message());
  }
  return Finish(now);
}

Effects ExecutionMachine::OnCreated(const absl::StatusOr<std::string>& container_id, int64_t now) {
  now_ = now;
  pending_ = Pending::kNone;
  const absl::Status& status = container_id.status();
  if (status.ok()) {
    engine_ = Engine::kCreated;
    maybe_created_ = false;
    engine_trouble_since_ns_ = 0;
    // In the journal before it is started: should it go, one that an earlier create makes late is
    // told from it.
    record_.container_id = *container_id;
    effects_.save = true;
  } else if (ErrorReason(status) == kImageNotFound && !image_prepared_) {
    image_missing_ = true;
    maybe_created_ = false;
  } else if (ErrorReason(status) == kImageNotFound) {
    SetStop(v1::END_REASON_IMAGE_UNAVAILABLE, status.message());
  } else if (IsAmbiguous(status) || ErrorReason(status) == kContainerNotFound) {
    // Not found: its name was taken a moment ago, by what the engine was about to take back.
    maybe_created_ = true;
    RetryOrFail(status);
  } else {
    SetStop(v1::END_REASON_START_FAILED, status.message());
  }
  return Finish(now);
}

Effects ExecutionMachine::OnImage(const absl::Status& status, int64_t now) {
  now_ = now;
  pending_ = Pending::kNone;
  if (status.ok()) {
    image_missing_ = false;
    image_prepared_ = true;
    engine_trouble_since_ns_ = 0;
  } else if (ErrorReason(status) == kEngineUnreachable) {
    RetryOrFail(status);
  } else if (!image_cancelled_) {
    SetStop(v1::END_REASON_IMAGE_UNAVAILABLE, status.message());
  }
  return Finish(now);
}

Effects ExecutionMachine::OnStarted(const absl::Status& status, int64_t now) {
  now_ = now;
  pending_ = Pending::kNone;
  if (status.ok()) {
    engine_ = Engine::kStarted;
    if (facts_.error_word.empty()) MarkRunning();
  } else if (IsAmbiguous(status)) {
    // docs/protocol.md P31: it is not started again, since it may have run already: what became of
    // it is Wait's to say.
    RuleApplied(31);
    engine_ = Engine::kStarted;
    maybe_started_ = true;
    start_error_ = status;
  } else if (ErrorReason(status) == kContainerNotFound && may_create_again_) {
    // Who asked for it was an agent that died meanwhile, and the engine took it away with the call.
    may_create_again_ = false;
    engine_ = Engine::kAbsent;
  } else {
    SetStop(v1::END_REASON_START_FAILED, status.message());
  }
  return Finish(now);
}

Effects ExecutionMachine::OnStartWithheld(const absl::Status& why, int64_t now) {
  now_ = now;
  pending_ = Pending::kNone;
  SetStop(v1::END_REASON_RUNTIME_ERROR, why.message());
  return Finish(now);
}

Effects ExecutionMachine::OnExit(const absl::StatusOr<ExitInfo>& exit, int64_t now) {
  now_ = now;
  wait_pending_ = false;
  if (exit.ok()) {
    facts_.exit = *exit;
    if (engine_ != Engine::kGone) engine_ = Engine::kEnded;
  } else if (absl::IsFailedPrecondition(exit.status())) {
    engine_ = Engine::kCreated;
    SetStop(v1::END_REASON_RUNTIME_ERROR,
            maybe_started_ ? start_error_.message() : exit.status().message());
  } else if (absl::IsNotFound(exit.status())) {
    engine_ = Engine::kGone;
    if (!facts_.ended.has_value()) {
      SetStop(v1::END_REASON_RUNTIME_ERROR, "the container was removed from outside");
    }
  } else {
    wait_retry_ns_ = now + kRetryNs;
  }
  return Finish(now);
}

Effects ExecutionMachine::OnSignalSent(Call call, const absl::Status& status, int64_t now) {
  if (!status.ok() && call == Call::kTerminate) {
    terminate_sent_ = false;
    terminate_retry_ns_ = now + kRetryNs;
  } else if (!status.ok()) {
    next_kill_ns_ = now + kRetryNs;
  }
  return Finish(now);
}

Effects ExecutionMachine::OnRemoved(const absl::Status& status, int64_t now) {
  pending_ = Pending::kNone;
  removal_tried_ = true;
  if (status.ok()) {
    // Where nothing stops it, it only made place for another (Replace).
    engine_ = alive() && !stopping() ? Engine::kAbsent : Engine::kGone;
    maybe_created_ = false;
  } else {
    remove_retry_ns_ = now + kRemoveRetryNs;
  }
  return Finish(now);
}

Effects ExecutionMachine::OnInitStatus(const StatusEvent& event, int64_t now) {
  now_ = now;
  heard_ = true;
  switch (event.kind) {
    case StatusEvent::Kind::kStarting:
      break;
    case StatusEvent::Kind::kStarted:
      facts_.started = true;
      if (may_run()) MarkRunning();
      break;
    case StatusEvent::Kind::kError:
      if (!facts_.error_word.empty()) break;
      facts_.error_word = event.word;
      facts_.error_text = event.text;
      break;
    case StatusEvent::Kind::kEndedExit:
    case StatusEvent::Kind::kEndedSignal:
      if (facts_.ended.has_value()) break;
      facts_.ended = ProcessEnd{.signalled = event.kind == StatusEvent::Kind::kEndedSignal,
                                .code = event.code};
      facts_.ended_before_stop = !stopping();
      process_ended_ns_ = now;
      break;
    case StatusEvent::Kind::kOomKilled:
      facts_.oom_line = true;
      break;
    case StatusEvent::Kind::kStopped:
      facts_.stopped_from_outside = true;
      break;
    case StatusEvent::Kind::kLeaseEnded:
      facts_.lease_line = true;
      break;
    case StatusEvent::Kind::kDrained:
      // Before the end it would be the job's own doing.
      facts_.drained |= facts_.ended.has_value() || !facts_.error_word.empty();
      break;
  }
  return Finish(now);
}

Effects ExecutionMachine::OnLogClosed(uint64_t last_seq, int64_t now) {
  log_ = LogCapture::kClosed;
  facts_.last_seq = last_seq;
  return Finish(now);
}

// As it was before it was prepared for the first time.
Effects ExecutionMachine::OnRunDropped(int64_t now) {
  pending_ = Pending::kNone;
  log_ = LogCapture::kNone;
  run_ready_ = false;
  maybe_started_ = false;
  removal_tried_ = false;
  record_.container_id.clear();
  effects_.save = true;
  return Finish(now);
}

Effects ExecutionMachine::Stop(v1::EndReason reason, absl::string_view message, int64_t now) {
  now_ = now;
  // One that has ended already is only to be reported.
  if (alive() && !exit_known()) SetStop(reason, message);
  return Finish(now);
}

Effects ExecutionMachine::Discard(int64_t now) {
  if (!record_.discarded) {
    record_.discarded = true;
    effects_.save = true;
  }
  return Finish(now);
}

Effects ExecutionMachine::OnEndAcknowledged(int64_t now) {
  if (ended() && !record_.end_acknowledged) {
    record_.end_acknowledged = true;
    effects_.save = true;
  }
  return Finish(now);
}

Effects ExecutionMachine::OnLogCut(uint64_t last_seq, int64_t now) {
  record_.last_seq = last_seq;
  effects_.save = true;
  return Finish(now);
}

Effects ExecutionMachine::OnLogStored(int64_t now) {
  log_stored_ = true;
  return Finish(now);
}

Effects ExecutionMachine::OnTime(int64_t now) { return Finish(now); }

Effects ExecutionMachine::HoldCreate(int64_t now) {
  pending_ = Pending::kNone;
  held_ = true;
  return Finish(now);
}

v1::ExecutionState ExecutionMachine::state() const {
  const bool finalizing = alive() && (facts_.ended.has_value() || exit_known());
  return finalizing ? v1::EXECUTION_STATE_FINALIZING : record_.state;
}

// ---- What follows.

Effects ExecutionMachine::Finish(int64_t now) {
  now_ = now;
  wake_ns_ = kNever;
  if (!forgotten_) Advance();
  return std::exchange(effects_, {});
}

bool ExecutionMachine::Due(int64_t time) {
  if (now_ >= time) return true;
  wake_ns_ = std::min(wake_ns_, time);
  return false;
}

void ExecutionMachine::Advance() {
  if (engine_ == Engine::kUnknown) {
    // The journal has it as ASSIGNED only until the engine first hears of it.
    if (alive() && record_.state == v1::EXECUTION_STATE_ASSIGNED) {
      CheckTimes();
      if (stopping()) EndUnstarted();
    }
    return;
  }
  if (alive()) {
    CheckTimes();
    if (!stopping()) {
      Prepare();
      KeepWaiting();
      EndByItself();
    } else if (may_run()) {
      KeepWaiting();
      EndStopped();
    } else {
      EndUnstarted();
    }
  }
  if (!alive()) CleanUp();
}

void ExecutionMachine::CheckTimes() {
  if (stopping() || exit_known() || engine_ == Engine::kEnded) return;
  if (!facts_.ended.has_value() && Due(lease_end_ns_)) {
    if (!may_run()) RuleApplied(14);  // docs/protocol.md P14
    SetStop(v1::END_REASON_LEASE_ENDED, "");
  } else if (record_.started_ns == 0) {
    if (Due(Add(record_.accepted_ns, prepare_timeout_ns_))) {
      SetStop(v1::END_REASON_PREPARE_TIMEOUT, "");
    }
    // A log that is slow to drain is not a script that runs too long; but since the job could have
    // written `ended` itself, it is not trusted for longer than another run.
  } else if (Due(Add(std::max(record_.started_ns, process_ended_ns_), run_timeout_ns_))) {
    SetStop(v1::END_REASON_RUN_TIMEOUT, "");
  }
}

void ExecutionMachine::SetStop(v1::EndReason reason, absl::string_view message) {
  if (stopping() || !alive()) return;
  record_.stop_reason = reason;
  record_.stop_ns = now_;
  facts_.stop_reason = reason;
  facts_.stop_message = std::string(message);
  effects_.save = true;
}

void ExecutionMachine::RetryOrFail(const absl::Status& status) {
  if (engine_trouble_since_ns_ == 0) engine_trouble_since_ns_ = now_;
  retry_ns_ = now_ + kRetryNs;
  if (now_ - engine_trouble_since_ns_ >= kEngineRetryWindowNs) {
    SetStop(v1::END_REASON_RUNTIME_ERROR, status.message());
  }
}

// The next step towards a started container.
void ExecutionMachine::Prepare() {
  if (pending_ != Pending::kNone || may_run()) return;
  if (maybe_started_) {
    Replace();
  } else if (!run_ready_) {
    Do(Call::kMakeRun, Pending::kRun);
  } else if (engine_ == Engine::kCreated) {
    Do(Call::kStart, Pending::kStart);
  } else if (engine_ == Engine::kAbsent && !held_ && Due(retry_ns_)) {
    if (image_missing_) {
      Do(Call::kPrepareImage, Pending::kImage);
    } else {
      Do(Call::kCreate, Pending::kCreate);
    }
  }
}

// docs/protocol.md P39: what became of the container that may be started yet is known once it is
// gone. cronium-init says `starting` before the script begins, and here it was heard all the while.
void ExecutionMachine::Replace() {
  if (engine_ == Engine::kCreated) {
    if (Due(remove_retry_ns_)) Do(Call::kRemove, Pending::kRemove);
  } else if (LogIsClosed() && !IsPlainExit(facts_)) {
    if (heard_ || facts_.last_seq > 0) {
      engine_ = Engine::kGone;
      SetStop(v1::END_REASON_RUNTIME_ERROR,
              "it was started while its agent came back, and had to be ended");
    } else {
      Do(Call::kDropRun, Pending::kRun);
    }
  }
}

void ExecutionMachine::KeepWaiting() {
  const bool to_know =
      engine_ == Engine::kStarted || (engine_ == Engine::kEnded && !facts_.exit.has_value());
  if (!to_know || wait_pending_ || !Due(wait_retry_ns_)) return;
  wait_pending_ = true;
  Do(Call::kWait);
}

void ExecutionMachine::EndByItself() {
  if (!exit_known() && !IsPlainExit(facts_)) return;
  if (LogIsClosed()) ReportEnd();
}

void ExecutionMachine::EndUnstarted() {
  if (pending_ == Pending::kImage) {
    // Not waited for: it makes no container.
    if (!std::exchange(image_cancelled_, true)) Do(Call::kCancelImage);
  } else if (pending_ != Pending::kNone) {
    return;
  } else if ((engine_ == Engine::kCreated || maybe_created_) && !removal_tried_) {
    Do(Call::kRemove, Pending::kRemove);
    return;
  } else if (maybe_started_ && engine_ == Engine::kCreated) {
    // docs/protocol.md P31: its start may take effect yet, so its end is not said before it is
    // gone.
    if (Due(remove_retry_ns_)) Do(Call::kRemove, Pending::kRemove);
    return;
  }
  if (LogIsClosed()) ReportEnd();
}

void ExecutionMachine::EndStopped() {
  if (!exit_known()) {
    SendSignals();
    return;
  }
  const bool log_closed = LogIsClosed();
  if (!removal_tried_) {
    if (pending_ == Pending::kNone) Do(Call::kRemove, Pending::kRemove);
  } else if (log_closed) {
    ReportEnd();
  }
}

void ExecutionMachine::SendSignals() {
  if (pending_ == Pending::kStart || engine_ == Engine::kEnded) return;
  // Init itself sends TERM when the lease ends, and KILL after the grace; ours is for an init that
  // cannot.
  const bool lease_ended = record_.stop_reason == v1::END_REASON_LEASE_ENDED;
  const int64_t grace_ns = Add(stop_grace_ns_, lease_ended ? kLeaseKillDelayNs : 0);
  if (Due(Add(record_.stop_ns, grace_ns))) {
    if (Due(next_kill_ns_)) {
      Do(Call::kKill);
      next_kill_ns_ = now_ + kKillRepeatNs;
      Due(next_kill_ns_);
    }
    return;
  }
  // Before `started`, init might not yet forward what it gets: the kernel drops TERM for a pid 1
  // without a handler.
  if (!lease_ended && facts_.started && !terminate_sent_ && Due(terminate_retry_ns_)) {
    terminate_sent_ = true;
    Do(Call::kTerminate);
  }
}

bool ExecutionMachine::LogIsClosed() {
  if (pending_ == Pending::kRun) return false;
  if (log_ == LogCapture::kOpen) {
    log_ = LogCapture::kClosing;
    Do(Call::kCloseLog);
  }
  return log_ != LogCapture::kClosing;
}

void ExecutionMachine::MarkRunning() {
  if (!alive() || record_.state >= v1::EXECUTION_STATE_RUNNING) return;
  record_.state = v1::EXECUTION_STATE_RUNNING;
  record_.started_ns = now_;
  effects_.save = true;
  Report(v1::EXECUTION_STATE_RUNNING);
}

void ExecutionMachine::Report(v1::ExecutionState state) {
  v1::ExecutionReport report;
  report.set_execution_id(id_);
  report.set_state(state);
  effects_.reports.push_back(std::move(report));
}

void ExecutionMachine::ReportEnd() {
  facts_.lease_passed = now_ >= lease_end_ns_;
  Outcome outcome = DecideOutcome(facts_);
  Report(outcome.state);
  *effects_.reports.back().mutable_end() = std::move(outcome.end);
  record_.state = outcome.state;
  record_.last_seq = facts_.last_seq;
  effects_.save = true;
  init_exit_by_ns_ = Add(now_, kInitExitNs);
}

void ExecutionMachine::CleanUp() {
  if (pending_ == Pending::kImage && !std::exchange(image_cancelled_, true)) {
    Do(Call::kCancelImage);
  }
  if (pending_ != Pending::kNone) return;
  const bool there = engine_ == Engine::kCreated || engine_ == Engine::kStarted ||
                     engine_ == Engine::kEnded || maybe_created_;
  if (there) {
    if (engine_ == Engine::kStarted && !record_.discarded) {
      // On its way out; whatever stays longer is no script of ours any more.
      KeepWaiting();
      if (!Due(init_exit_by_ns_)) return;
    }
    if (Due(remove_retry_ns_)) Do(Call::kRemove, Pending::kRemove);
    return;
  }
  if (record_.discarded || (record_.end_acknowledged && log_stored_)) {
    forgotten_ = true;
    Do(Call::kForget);
  }
}

}  // namespace cronium::agent
