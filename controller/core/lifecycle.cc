// SPDX-License-Identifier: Apache-2.0
#include "controller/core/lifecycle.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace cronium::controller {

bool IsEnded(v1::JobState state) { return state >= v1::JOB_STATE_SUCCEEDED; }
bool IsEnded(v1::ExecutionState state) { return state >= v1::EXECUTION_STATE_SUCCEEDED; }

v1::JobState JobStateOf(v1::ExecutionState state) {
  switch (state) {
    case v1::EXECUTION_STATE_SUCCEEDED:
      return v1::JOB_STATE_SUCCEEDED;
    case v1::EXECUTION_STATE_TIMED_OUT:
      return v1::JOB_STATE_TIMED_OUT;
    case v1::EXECUTION_STATE_CANCELLED:
      return v1::JOB_STATE_CANCELLED;
    default:
      return v1::JOB_STATE_FAILED;
  }
}

std::string ShortName(v1::JobState state) {
  return std::string(absl::StripPrefix(v1::JobState_Name(state), "JOB_STATE_"));
}
std::string ShortName(v1::ExecutionState state) {
  return std::string(absl::StripPrefix(v1::ExecutionState_Name(state), "EXECUTION_STATE_"));
}
std::string ShortName(v1::EndReason reason) {
  return std::string(absl::StripPrefix(v1::EndReason_Name(reason), "END_REASON_"));
}

}  // namespace cronium::controller
