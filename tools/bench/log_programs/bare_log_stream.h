// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_BARE_LOG_STREAM_H_
#define CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_BARE_LOG_STREAM_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/credentials.h"

// What log delivery is measured against: gRPC alone carrying the messages of the Log stream from
// one process to another, with no spool, store or follower.
namespace cronium::bench {

// Takes UploadLogs streams with the controller's settings on a port of the loopback ("serves
// port=N") until SIGTERM, which the caller has blocked (common/shutdown.h), and drops what comes.
absl::Status ServeBareLogStream(const TlsFiles& tls);

// Sends messages of message_bytes of data for so long, over one stream of a connection with mutual
// TLS, and returns the bytes of data per second until the server has had them all.
absl::StatusOr<double> RunBareLogStream(const std::string& address, const TlsFiles& tls,
                                        size_t message_bytes, absl::Duration duration);

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_BARE_LOG_STREAM_H_
