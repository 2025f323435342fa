// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_END_STATE_H_
#define CRONIUM_COMMON_END_STATE_H_

#include "cronium/v1/job.pb.h"

namespace cronium {

// The end state that a reason leads to, the same for agent and controller. success: the exit code
// is known and 0.
v1::ExecutionState EndStateOf(v1::EndReason reason, bool success);

}  // namespace cronium

#endif  // CRONIUM_COMMON_END_STATE_H_
