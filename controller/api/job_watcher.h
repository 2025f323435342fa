// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_JOB_WATCHER_H_
#define CRONIUM_CONTROLLER_API_JOB_WATCHER_H_

#include <grpcpp/grpcpp.h>

#include <string>

#include "controller/api/call.h"
#include "cronium/v1/job_service.pb.h"

namespace cronium::controller {

// Starts a WatchJobs stream; it deletes itself. The request is valid and its jobs, if any, exist
// and are of name_space.
grpc::ServerWriteReactor<v1::WatchJobsResponse>* StartJobWatcher(
    const Services& services, std::string name_space, const v1::WatchJobsRequest& request);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_JOB_WATCHER_H_
