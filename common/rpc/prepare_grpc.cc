// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/prepare_grpc.h"

#include "absl/synchronization/mutex.h"
#include "common/rpc/grpc_log.h"

namespace cronium {

void PrepareGrpc() {
  RouteGrpcLog();
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

}  // namespace cronium
