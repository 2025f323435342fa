// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_BARE_SERVERS_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_BARE_SERVERS_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "common/rpc/credentials.h"

// What the runtime API is measured against: the same libraries with nothing behind them. Both serve
// until SIGTERM, which the caller has blocked (common/shutdown.h), and print "serves" when they do.
namespace cronium::bench {

// libmicrohttpd with as many loops, connections and memory as the gateway has, and an answer that
// is always the same `answer`.
absl::Status ServeBareHttp(const std::string& socket, int loops, int max_connections,
                           const std::string& answer);

// gRPC with the controller's settings on a port of the loopback ("serves port=N"); ReadVariable
// answers with the key it is asked for and `value`.
absl::Status ServeBareGrpc(const TlsFiles& tls, const std::string& value);

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_BARE_SERVERS_H_
