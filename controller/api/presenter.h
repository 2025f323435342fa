// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_PRESENTER_H_
#define CRONIUM_CONTROLLER_API_PRESENTER_H_

#include "controller/api/call.h"
#include "cronium/v1/job.pb.h"

namespace cronium::controller {

// Adds what is not stored with a job: why a queued one waits. The job must have its spec.
void PresentJob(const Services& services, v1::Job* job);

// Adds what the log store knows of an execution's log.
void PresentExecution(const Services& services, v1::Execution* execution);

// Where an execution's log is.
LogKey LogKeyOf(const v1::Execution& execution);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_PRESENTER_H_
