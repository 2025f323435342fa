// SPDX-License-Identifier: Apache-2.0
#include "controller/core/core_driver.h"

#include <cstdlib>
#include <memory>
#include <utility>

#include "common/error.h"
#include "common/log.h"
#include "common/protocol_rules.h"

namespace cronium::controller {
namespace {

// Well under the grace of the shortest lease (common/lease.h); a clock that is slewed comes to it
// in steps.
constexpr int64_t kClockStepNs = 10'000'000;

}  // namespace

absl::Status ControllerStopping() {
  return MakeRetryableError(absl::StatusCode::kUnavailable, "CONTROLLER_STOPPING",
                            "the controller is stopping; try again", absl::Seconds(1));
}

CoreDriver::CoreDriver(Core* core, const Clock* clock, CommitFunction commit, CoreEffects* effects,
                       AnswerFunction answer, bool answer_early)
    : core_(core),
      clock_(clock),
      commit_(std::move(commit)),
      effects_(effects),
      answer_(std::move(answer)),
      answer_early_(answer_early) {}

absl::Time CoreDriver::Now() {
  const absl::Time now = clock_->Now();
  const int64_t lead_ns = absl::ToUnixNanos(now) - clock_->BoottimeNs();
  if (!lead_ns_.has_value()) lead_ns_ = lead_ns;
  if (const int64_t step_ns = lead_ns - *lead_ns_; std::abs(step_ns) > kClockStepNs) {
    LogWarning("the wall clock was set",
               {{"by", absl::FormatDuration(absl::Nanoseconds(step_ns))}});
    lead_ns_ = lead_ns;
    core_->OnClockStep(absl::Nanoseconds(step_ns), now);
  }
  return now;
}

Output CoreDriver::Turn(std::vector<Input> inputs) {
  Output output;
  const absl::Time now = Now();
  for (Input& input : inputs) core_->Apply(std::move(input), now, &output);
  core_->Advance(now, &output);
  return output;
}

void CoreDriver::Release(Output output) {
  if (output.empty()) return;
  auto shared = std::make_shared<Output>(std::move(output));
  std::vector<Change> changes = std::move(shared->changes);
  if (answer_early_) {
    for (const Answer& answer : shared->answers) answer_(answer);
    shared->answers.clear();
  }
  commit_(std::move(changes), [this, shared](absl::StatusOr<std::vector<ChangeResult>> results) {
    if (!results.ok()) {
      // Only when the controller stops: until then the committing thread tries again.
      for (const Answer& answer : shared->answers) answer_({answer.ticket, ControllerStopping()});
      return;
    }
    for (const ChangeResult& result : *results) {
      if (!result.ok()) LogError("a change of the core was refused", {{"reason", result.status()}});
    }
    Announce(*shared);
  });
}

// docs/protocol.md P1: only what is durable is answered, sent or shown.
void CoreDriver::Announce(const Output& output) const {
  RuleApplied(1);
  for (const ExecutionChange& change : output.executions) effects_->OnExecution(change);
  for (const v1::Job& job : output.jobs) effects_->OnJob(job);
  for (const Answer& answer : output.answers) answer_(answer);
  for (const Send& send : output.sends) effects_->OnSend(send);
  for (const EndSession& end : output.ended_sessions) effects_->OnEndSession(end);
  for (const HttpCommand& command : output.http) effects_->OnHttp(command);
}

}  // namespace cronium::controller
