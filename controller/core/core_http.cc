// SPDX-License-Identifier: Apache-2.0
// The core's part in HTTP jobs. They have no node: the controller makes the call, so an execution
// runs from its commit on, and ends with the outcome that the caller reports.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/proto_time.h"
#include "controller/core/core.h"
#include "controller/core/http_spec.h"

namespace cronium::controller {

bool Core::PlaceHttp(LiveJob* live, absl::Time now, Output* out) {
  if (running_http_ >= options_.max_http_jobs) {
    wait_reasons_[live->placement_class] = {
        "HTTP_LIMIT", absl::StrCat(running_http_,
                                   " HTTP jobs run, which is as many as the "
                                   "controller may at one time (--max-http-jobs)")};
    return false;
  }
  std::unique_ptr<LiveExecution> added = MakeExecution(live, now);
  v1::Execution& execution = added->execution;
  execution.set_state(v1::EXECUTION_STATE_RUNNING);
  SetTime(now, execution.mutable_start_time());
  *live->job.mutable_start_time() = execution.start_time();
  ++running_http_;
  timers_.Set(now + ToDuration(live->spec->timeouts().run()), execution.id());
  Changed(live, out);
  Changed(*added, out);
  out->executions.push_back({execution, live->spec});
  out->http.push_back({execution, live->spec, v1::END_REASON_UNSPECIFIED, ""});
  executions_.emplace(execution.id(), std::move(added));
  return true;
}

void Core::Handle(HttpOutcome&& input, Ticket, absl::Time now, Output* out) {
  LiveExecution* live = FindExecution(input.execution_id);
  if (live == nullptr) return;
  v1::Execution& execution = live->execution;
  execution.set_end_reason(input.end.reason());
  execution.set_message(input.end.message());
  execution.set_final_log_seq(input.end.last_seq());
  execution.mutable_log()->set_uncertain(input.end.log_uncertain());
  live->durable_seq = std::max(live->durable_seq, input.end.last_seq());
  if (!input.output_json.empty()) {
    out->changes.push_back(PutOutput{execution.id(), std::move(input.output_json)});
  }
  EndExecution(live, now, out);
}

// The call was under way when the controller stopped: nobody knows what became of it. EndExecution
// makes another attempt where that does no harm.
void Core::LoadHttp(LiveExecution* live, absl::Time now, Output* out) {
  ++running_http_;
  const LiveJob* job = FindJob(live->execution.job_id());
  LoseExecution(live, v1::END_REASON_OUTCOME_UNKNOWN,
                absl::StrCat("the controller stopped while ", job->spec->http().method(),
                             " was under way; the peer may have acted or not"),
                now, out);
}

void Core::GiveUpHttp(const LiveExecution& live, v1::EndReason reason, std::string message,
                      Output* out) {
  const LiveJob* job = FindJob(live.execution.job_id());
  out->http.push_back({live.execution, job->spec, reason, std::move(message)});
}

void Core::OnHttpTimer(const LiveExecution& live, absl::Time now, Output* out) {
  const LiveJob* job = FindJob(live.execution.job_id());
  const absl::Duration run = ToDuration(job->spec->timeouts().run());
  if (now < ToTime(live.execution.start_time()) + run) return;
  GiveUpHttp(live, v1::END_REASON_RUN_TIMEOUT,
             absl::StrCat("ran for ", absl::FormatDuration(run), ", its timeouts.run"), out);
}

}  // namespace cronium::controller
