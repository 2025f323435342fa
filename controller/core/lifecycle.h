// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_LIFECYCLE_H_
#define CRONIUM_CONTROLLER_CORE_LIFECYCLE_H_

#include <string>

#include "cronium/v1/job.pb.h"

// Facts about states and ends that hold wherever they are asked.
namespace cronium::controller {

bool IsEnded(v1::JobState state);
bool IsEnded(v1::ExecutionState state);

// The job's state that mirrors an execution's end state other than LOST.
v1::JobState JobStateOf(v1::ExecutionState state);

// The enum's name without its prefix, as people see it: SUCCEEDED, RUN_TIMEOUT.
std::string ShortName(v1::JobState state);
std::string ShortName(v1::ExecutionState state);
std::string ShortName(v1::EndReason reason);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_LIFECYCLE_H_
