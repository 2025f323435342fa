// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_GRPC_LOAD_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_GRPC_LOAD_H_

#include <grpcpp/grpcpp.h>

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cronium/v1/runtime_service.grpc.pb.h"
#include "tools/bench/programs/load_result.h"

namespace cronium::bench {

struct GrpcLoadOptions {
  std::shared_ptr<grpc::Channel> channel;
  // Each followed by the next as soon as it is answered.
  int calls_under_way = 1;
  absl::Duration warmup = absl::Milliseconds(500);
  absl::Duration duration = absl::Seconds(2);
  v1::ReadVariableRequest request;
};

// ReadVariable, again and again over one channel. An error where a call fails.
absl::StatusOr<LoadResult> RunGrpcLoad(const GrpcLoadOptions& options);

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_GRPC_LOAD_H_
