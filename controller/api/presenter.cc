// SPDX-License-Identifier: Apache-2.0
#include "controller/api/presenter.h"

#include <utility>

#include "common/proto_time.h"
#include "controller/api/log_follow.h"

namespace cronium::controller {

void PresentJob(const Services& services, v1::Job* job) {
  if (job->state() != v1::JOB_STATE_QUEUED) return;
  WaitReason wait = services.core->WaitReasonOf(PlacementClass(job->spec()));
  if (wait.reason.empty()) return;
  job->set_state_reason(std::move(wait.reason));
  job->set_state_message(std::move(wait.message));
}

void PresentExecution(const Services& services, v1::Execution* execution) {
  const bool uncertain = execution->log().uncertain();
  absl::StatusOr<LogState> state = services.logs->Summary(LogKeyOf(*execution));
  if (!state.ok()) return;
  if (IsCollected(*execution, *state)) {
    execution->mutable_log()->set_collected(true);
    return;
  }
  *execution->mutable_log() = state->summary;
  if (uncertain) execution->mutable_log()->set_uncertain(true);
}

LogKey LogKeyOf(const v1::Execution& execution) {
  return {execution.namespace_(), execution.id(), ToTime(execution.assign_time())};
}

}  // namespace cronium::controller
