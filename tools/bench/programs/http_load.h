// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_HTTP_LOAD_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_HTTP_LOAD_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tools/bench/programs/load_result.h"

namespace cronium::bench {

struct HttpLoadOptions {
  // Path of the unix socket.
  std::string socket;
  // Kept alive, one request at a time on each.
  int connections = 1;
  // Requests a second, begun at even times whether the earlier ones are answered or not; a request
  // for which no connection is free waits, and its latency counts from when it should have begun.
  // 0: each connection sends its next request as soon as it has an answer.
  double rate = 0;
  absl::Duration warmup = absl::Milliseconds(500);
  absl::Duration duration = absl::Seconds(2);
  // The nth request's text, head and body. Below 64 KiB.
  std::function<const std::string&(int64_t n)> request;
};

// Runs a load on the calling thread. An error where an answer is not 200, or a connection ends.
absl::StatusOr<LoadResult> RunHttpLoad(const HttpLoadOptions& options);

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_HTTP_LOAD_H_
