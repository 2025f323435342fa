// SPDX-License-Identifier: Apache-2.0
// The runtime gateway's process: reads its configuration, connects, serves until it is told to
// stop.
#include <grpcpp/grpcpp.h>

#include <climits>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/config/config.h"
#include "common/descriptor_limit.h"
#include "common/fault.h"
#include "common/ids.h"
#include "common/log.h"
#include "common/rpc/credentials.h"
#include "common/rpc/prepare_grpc.h"
#include "common/shutdown.h"
#include "runtime-gateway/gateway.h"

namespace cronium::gateway {
namespace {

struct Config {
  std::string controller;
  TlsFiles tls;
  bool dev = false;
  std::string node;
  std::string log_level = "info";
  int64_t retry_for_ms = 25'000;
  int64_t drain_ms = 5'000;
  int64_t idle_timeout_ms = 60'000;
  int64_t request_timeout_ms = 120'000;
  GatewayOptions gateway;
};

void AddOptions(CLI::App* app, Config* config) {
  GatewayOptions& gateway = config->gateway;
  gateway.socket_dir = "/run/cronium/api";
  app->add_option("--controller", config->controller, "HOST:PORT of the controller");
  app->add_option("--ca", config->tls.ca, "The cluster's CA certificate, PEM");
  app->add_option("--certificate", config->tls.certificate, "This node's certificate, PEM");
  app->add_option("--key", config->tls.key, "Its key, PEM");
  app->add_flag("--dev", config->dev, "Clear text, to a controller on the loopback only");
  app->add_option("--node", config->node,
                  "This node's name; only with --dev, else the certificate says it");
  app->add_option("--socket-dir", gateway.socket_dir,
                  "Folder of the socket runtime.sock; it is mounted into job containers")
      ->capture_default_str();
  app->add_option("--listen", gateway.listen,
                  "Also listen on this loopback HOST:PORT, where /metrics is; none by default");
  app->add_option("--log-level", config->log_level, "debug, info, warning or error")
      ->capture_default_str();
  app->add_option("--rate-limit-per-minute", gateway.rate_limit_per_minute,
                  "Calls that one execution may make a minute, and at once; 0 for no limit")
      ->check(CLI::Range(0, 1'000'000'000))
      ->capture_default_str();
  app->add_option("--retry-for-ms", config->retry_for_ms,
                  "How long a call waits for a controller that is away; clients give up after 30 s")
      ->check(CLI::Range(100, 600'000))
      ->capture_default_str();
  app->add_option("--drain-ms", config->drain_ms,
                  "How long SIGTERM waits for requests that are under way")
      ->check(CLI::Range(0, 600'000))
      ->capture_default_str();
  app->add_option("--threads", gateway.server.threads, "Threads that serve the socket")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app->add_option(
         "--max-connections", gateway.server.max_connections,
         "Open connections of each listener; past it, a new one ends the one that waits longest")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app->add_option("--idle-timeout-ms", config->idle_timeout_ms,
                  "A connection on which nothing comes for this long is closed; whole seconds")
      ->check(CLI::Range(1'000, 86'400'000))
      ->capture_default_str();
  app->add_option("--request-timeout-ms", config->request_timeout_ms,
                  "A request whose body takes longer is refused")
      ->check(CLI::Range(1'000, 86'400'000))
      ->capture_default_str();
  app->add_option("--max-head-bytes", gateway.server.max_head_bytes,
                  "Of a request line and headers")
      ->check(CLI::Range(1'024, 30 * 1'024))
      ->capture_default_str();
  app->add_option("--max-body-memory-bytes", gateway.server.max_body_memory_bytes,
                  "Bodies of all requests and answers together; 503 past it")
      ->check(CLI::Range(int64_t{16} << 20, int64_t{1} << 40))
      ->capture_default_str();
}

std::string CheckConfig(const Config& config) {
  if (config.controller.empty()) return "--controller is required";
  if (config.dev) {
    if (!IsLoopbackAddress(config.controller)) {
      return "--controller: with --dev it must be on the loopback, and " + config.controller +
             " is not";
    }
    if (!IsName(config.node)) return "--node is required with --dev: 1 to 63 of a-z, 0-9, - and .";
    return "";
  }
  if (!config.node.empty()) return "--node is for --dev; otherwise the certificate names the node";
  if (config.tls.ca.empty()) return "--ca is required (or --dev)";
  if (config.tls.certificate.empty()) return "--certificate is required (or --dev)";
  if (config.tls.key.empty()) return "--key is required (or --dev)";
  return "";
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const Config& config) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = DevChannelCredentials();
  if (!config.dev) {
    absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> tls = ClientTls(config.tls);
    if (!tls.ok()) return tls.status();
    credentials = *std::move(tls);
  }
  grpc::ChannelArguments arguments = ClientChannelArguments();
  // A gateway nobody talks to for half an hour is ready all the same.
  arguments.SetInt(GRPC_ARG_CLIENT_IDLE_TIMEOUT_MS, INT_MAX);
  return grpc::CreateCustomChannel(config.controller, credentials, arguments);
}

// Before the first connection is refused for lack of a descriptor.
absl::Status CheckDescriptors(const GatewayOptions& gateway) {
  // gRPC, logs, epoll, and connections that are being closed.
  constexpr int64_t kOthers = 512;
  const int64_t listeners = gateway.listen.empty() ? 1 : 2;
  const int64_t needed = listeners * gateway.server.max_connections + kOthers;
  const int64_t allowed = RaiseDescriptorLimit();
  if (allowed >= needed) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "--max-connections ", gateway.server.max_connections, " needs ", needed,
      " open descriptors, and this process may have ", allowed,
      ": raise its hard limit (LimitNOFILE= of the unit, ulimit -Hn), or allow fewer connections"));
}

int Fail(const absl::Status& status) {
  LogError("cannot start", {{"reason", status.message()}});
  return 1;
}

int Main(int argc, char** argv) {
  BlockShutdownSignals();
  Config config;
  CLI::App app("Serves the runtime API to the job containers of this host.",
               "cronium-runtime-gateway");
  AddOptions(&app, &config);
  ApplyConfigRules(&app, "runtime-gateway");
  const int status = ParseConfig(&app, argc, argv, [&] {
    const absl::Status level = SetLogLevel(config.log_level);
    return level.ok() ? CheckConfig(config) : std::string(level.message());
  });
  if (status >= 0) return status;
  if (absl::Status armed = ArmFaultsFromEnvironment(); !armed.ok()) return Fail(armed);
  PrepareGrpc();

  GatewayOptions& options = config.gateway;
  options.drain = absl::Milliseconds(config.drain_ms);
  options.server.idle_timeout = absl::Milliseconds(config.idle_timeout_ms);
  options.server.request_timeout = absl::Milliseconds(config.request_timeout_ms);
  options.client.retry_for = absl::Milliseconds(config.retry_for_ms);
  options.client.dev_node = config.dev ? config.node : "";

  if (absl::Status enough = CheckDescriptors(options); !enough.ok()) return Fail(enough);
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = Connect(config);
  if (!channel.ok()) return Fail(channel.status());
  const RealClock clock;
  absl::StatusOr<std::unique_ptr<Gateway>> gateway =
      Gateway::Start(options, *std::move(channel), &clock);
  if (!gateway.ok()) return Fail(gateway.status());
  LogInfo("started", {{"controller", config.controller}});
  const int signal = WaitForShutdownSignal();
  LogInfo("stopping", {{"signal", signal}});
  (*gateway)->Stop();
  LogInfo("stopped");
  return 0;
}

}  // namespace
}  // namespace cronium::gateway

int main(int argc, char** argv) { return cronium::gateway::Main(argc, argv); }
