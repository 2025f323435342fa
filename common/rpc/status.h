// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_RPC_STATUS_H_
#define CRONIUM_COMMON_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace cronium {

// With the google.rpc details, which travel in grpc-status-details-bin.
grpc::Status ToGrpcStatus(const absl::Status& status);
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace cronium

#endif  // CRONIUM_COMMON_RPC_STATUS_H_
