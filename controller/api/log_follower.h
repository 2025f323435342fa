// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_LOG_FOLLOWER_H_
#define CRONIUM_CONTROLLER_API_LOG_FOLLOWER_H_

#include <grpcpp/grpcpp.h>

#include "controller/api/call.h"
#include "cronium/v1/job_service.pb.h"

namespace cronium::controller {

// Starts a FollowLogs stream; it deletes itself. The request is valid; job is the one it names, as
// stored now.
grpc::ServerWriteReactor<v1::FollowLogsResponse>* StartLogFollower(
    const Services& services, const v1::Job& job, const v1::FollowLogsRequest& request);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_LOG_FOLLOWER_H_
