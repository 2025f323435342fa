// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_GATEWAY_H_
#define CRONIUM_RUNTIME_GATEWAY_GATEWAY_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "runtime-gateway/http/server.h"
#include "runtime-gateway/upstream/controller_client.h"

namespace cronium::gateway {

struct GatewayOptions {
  // Folder of the unix socket.
  std::string socket_dir;
  // HOST:PORT on the loopback; empty for none.
  std::string listen;
  // Calls a minute, and at once, that one execution may make; 0 for no limit.
  int rate_limit_per_minute = 1000;
  // How long Stop waits for what is under way.
  absl::Duration drain = absl::Seconds(5);
  // A fetch of the token keys begins at most this often.
  absl::Duration key_fetch_interval = absl::Seconds(1);
  ServerOptions server;
  ControllerClientOptions client;
};

// The whole gateway between its sockets and a channel to the controller. Serves from the start,
// whether the controller is there or not. Thread-safe.
class Gateway {
 public:
  // clock is borrowed.
  static absl::StatusOr<std::unique_ptr<Gateway>> Start(const GatewayOptions& options,
                                                        std::shared_ptr<grpc::Channel> channel,
                                                        const Clock* clock);
  // Stops.
  ~Gateway();

  // Takes no new connections, lets what is under way finish within `drain`, ends the rest with 503
  // (GATEWAY_STOPPING), and returns when nothing is left.
  void Stop();

  // Of the listeners: the socket's path, and HOST:PORT.
  const std::vector<std::string>& addresses() const;

 private:
  struct Impl;
  explicit Gateway(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_GATEWAY_H_
