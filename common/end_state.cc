// SPDX-License-Identifier: Apache-2.0
#include "common/end_state.h"

namespace cronium {

v1::ExecutionState EndStateOf(v1::EndReason reason, bool success) {
  switch (reason) {
    case v1::END_REASON_EXITED:
      return success ? v1::EXECUTION_STATE_SUCCEEDED : v1::EXECUTION_STATE_FAILED;
    case v1::END_REASON_RESPONDED:
      return v1::EXECUTION_STATE_SUCCEEDED;
    case v1::END_REASON_CANCELLED:
      return v1::EXECUTION_STATE_CANCELLED;
    case v1::END_REASON_QUEUE_TIMEOUT:
    case v1::END_REASON_PREPARE_TIMEOUT:
    case v1::END_REASON_RUN_TIMEOUT:
      return v1::EXECUTION_STATE_TIMED_OUT;
    case v1::END_REASON_RUNTIME_ERROR:
    case v1::END_REASON_NODE_LOST:
    case v1::END_REASON_LEASE_ENDED:
    case v1::END_REASON_OUTCOME_UNKNOWN:
      return v1::EXECUTION_STATE_LOST;
    default:
      return v1::EXECUTION_STATE_FAILED;
  }
}

}  // namespace cronium
