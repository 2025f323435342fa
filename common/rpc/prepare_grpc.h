// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_RPC_PREPARE_GRPC_H_
#define CRONIUM_COMMON_RPC_PREPARE_GRPC_H_

namespace cronium {

// What every process of ours that uses gRPC does first: call it in main, before gRPC is used.
//
// Routes gRPC's log to ours (RouteGrpcLog), and turns off the deadlock detector of Abseil's
// mutexes. Debian builds Abseil without NDEBUG, so the detector is on: every lock in gRPC then goes
// through one graph with one lock for the whole process, and threads wait for it rather than for
// each other.
void PrepareGrpc();

}  // namespace cronium

#endif  // CRONIUM_COMMON_RPC_PREPARE_GRPC_H_
