// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_RPC_GRPC_LOG_H_
#define CRONIUM_COMMON_RPC_GRPC_LOG_H_

namespace cronium {

// Sends gRPC's own log to ours: its errors and info as warning and debug, but failed TLS handshakes
// as warnings whatever their level, since a refused peer itself sees no more than a closed socket.
// Call it in main, before gRPC is used.
void RouteGrpcLog();

}  // namespace cronium

#endif  // CRONIUM_COMMON_RPC_GRPC_LOG_H_
