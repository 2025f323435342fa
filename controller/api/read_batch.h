// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_READ_BATCH_H_
#define CRONIUM_CONTROLLER_API_READ_BATCH_H_

#include <string>

#include "absl/status/status.h"
#include "controller/api/call.h"
#include "cronium/v1/runtime_service.pb.h"

namespace cronium::controller {

// Answers ReadVariables of a node: every item is checked and read as ReadVariable would, and fails
// by itself. INVALID_ARGUMENT where the request's shape is wrong.
absl::Status ReadBatch(const Services& services, const std::string& node,
                       const v1::ReadVariablesRequest& request,
                       v1::ReadVariablesResponse* response);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_READ_BATCH_H_
