// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HTTP_SERVER_H_
#define CRONIUM_RUNTIME_GATEWAY_HTTP_SERVER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "runtime-gateway/http/handler.h"
#include "runtime-gateway/http/listener.h"
#include "runtime-gateway/metrics/metrics.h"

namespace cronium::gateway {

struct ServerOptions {
  // For the unix socket; a loopback listener has one.
  int threads = 2;
  // Of each listener, shared out evenly among its threads. Past it, a new connection ends the one
  // that has kept us waiting longest (ConnectionList); while requests are under way on all of them,
  // new connections wait in the kernel's backlog.
  int max_connections = 1024;
  // A connection on which nothing comes for this long is closed. Whole seconds.
  absl::Duration idle_timeout = absl::Seconds(60);
  // A body that is not complete after this long is refused. A connection that has kept us waiting
  // for this and the idle timeout together is ended, however much trickles in.
  absl::Duration request_timeout = absl::Minutes(2);
  // Request line and headers.
  size_t max_head_bytes = 16 * 1024;
  // Bodies of all requests and answers together.
  int64_t max_body_memory_bytes = 256 << 20;
};

// HTTP/1.1 on libmicrohttpd: a few threads, each with an epoll loop of its own, none per connection
// and none per request. A thread never waits for a handler; the connection is suspended until the
// handler has answered. Thread-safe.
class HttpServer {
 public:
  // The pointers are borrowed and outlive the server.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const ServerOptions& options,
                                                           std::vector<Listener> listeners,
                                                           Handler* handler, Metrics* metrics,
                                                           const Clock* clock);
  // Stops, where Stop was not called. By then the handler must answer everything without waiting
  // for others.
  ~HttpServer();

  // No new connection is taken, the sockets are gone, and each answer from now on ends its
  // connection.
  void StopAccepting();

  // Whether all requests have ended within the time.
  bool WaitUntilIdle(absl::Duration timeout);

  // Ends every connection. The handler must by now answer at once whatever comes, and soon what it
  // has; this waits for the latter.
  void Stop();

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_HTTP_SERVER_H_
