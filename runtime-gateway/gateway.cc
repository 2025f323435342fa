// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/gateway.h"

#include <utility>

#include "common/log.h"
#include "runtime-gateway/api/rate_limiter.h"
#include "runtime-gateway/api/runtime_api.h"
#include "runtime-gateway/http/listener.h"
#include "runtime-gateway/metrics/metrics.h"
#include "runtime-gateway/upstream/key_ring.h"
#include "runtime-gateway/upstream/token_checker.h"

namespace cronium::gateway {

// In the order in which each needs those above it, so that destruction goes from the sockets to the
// channel.
struct Gateway::Impl {
  Impl(const GatewayOptions& given, std::shared_ptr<grpc::Channel> channel, const Clock* clock)
      : options(given),
        client(std::move(channel), given.client, &metrics),
        keys(&client, clock, &metrics, given.key_fetch_interval),
        tokens(&keys, clock),
        limiter(given.rate_limit_per_minute),
        api({&client, &keys, &tokens, &limiter, &metrics, clock}) {}

  const GatewayOptions options;
  Metrics metrics;
  ControllerClient client;
  KeyRing keys;
  TokenChecker tokens;
  RateLimiter limiter;
  RuntimeApi api;
  std::unique_ptr<HttpServer> server;
  std::vector<std::string> addresses;
};

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Start(const GatewayOptions& options,
                                                        std::shared_ptr<grpc::Channel> channel,
                                                        const Clock* clock) {
  std::vector<Listener> listeners;
  absl::StatusOr<Listener> unix_socket = Listener::OnUnixSocket(options.socket_dir);
  if (!unix_socket.ok()) return unix_socket.status();
  listeners.push_back(*std::move(unix_socket));
  if (!options.listen.empty()) {
    absl::StatusOr<Listener> loopback = Listener::OnLoopback(options.listen);
    if (!loopback.ok()) return loopback.status();
    listeners.push_back(*std::move(loopback));
  }
  auto impl = std::make_unique<Impl>(options, std::move(channel), clock);
  for (const Listener& listener : listeners) impl->addresses.push_back(listener.address());
  absl::StatusOr<std::unique_ptr<HttpServer>> server =
      HttpServer::Start(options.server, std::move(listeners), &impl->api, &impl->metrics, clock);
  if (!server.ok()) return server.status();
  impl->server = *std::move(server);
  impl->keys.Want();
  return std::unique_ptr<Gateway>(new Gateway(std::move(impl)));
}

Gateway::Gateway(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Gateway::~Gateway() { Stop(); }

void Gateway::Stop() {
  if (impl_->server == nullptr) return;
  impl_->server->StopAccepting();
  const bool idle = impl_->server->WaitUntilIdle(impl_->options.drain);
  if (!idle) LogInfo("stopping with requests under way");
  // From here on every call to the controller ends at once, so no connection stays suspended.
  impl_->client.Shutdown();
  impl_->keys.Shutdown();
  impl_->server->Stop();
  impl_->server.reset();
}

const std::vector<std::string>& Gateway::addresses() const { return impl_->addresses; }

}  // namespace cronium::gateway
