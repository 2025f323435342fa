// SPDX-License-Identifier: Apache-2.0
#include "agent/process/agent.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/runtime/docker/docker_runtime.h"
#include "agent/session/grpc_connector.h"
#include "agent/session/node_facts.h"
#include "common/file.h"
#include "common/ids.h"
#include "common/rpc/credentials.h"

namespace cronium::agent {
namespace {

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const AgentOptions& options) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = DevChannelCredentials();
  if (!options.dev) {
    absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> tls = ClientTls(options.tls);
    if (!tls.ok()) return tls.status();
    credentials = *std::move(tls);
  }
  // Each stream has a connection of its own, so that a flood of logs cannot delay a heartbeat.
  return grpc::CreateCustomChannel(options.controller, credentials,
                                   ClientChannelArguments(/*own_connection=*/true));
}

ManagerOptions ManagerOptionsOf(const AgentOptions& options, std::string boot_id) {
  ManagerOptions manager;
  manager.settings.cluster = options.cluster;
  manager.settings.node = options.node;
  manager.settings.inject_dir = options.inject_dir;
  manager.settings.gateway_socket_dir = options.gateway_dir;
  manager.settings.policy = options.policy;
  manager.state_dir = options.state_dir;
  manager.slots = options.slots;
  manager.boot_id = std::move(boot_id);
  manager.disk_reserve_bytes = options.disk_reserve_bytes;
  manager.new_state_id = RandomBase62(16);
  return manager;
}

SessionOptions SessionOptionsOf(const AgentOptions& options, const std::string& boot_id) {
  SessionOptions session;
  session.controller = options.controller;
  session.facts = GatherNodeFacts();
  session.facts.set_boot_id(boot_id);
  session.capacity.set_cpu_millis(options.cpu_millis);
  session.capacity.set_memory_bytes(options.memory_bytes);
  session.capacity.set_slots(options.slots);
  session.labels = options.labels;
  return session;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Agent>> Agent::Create(const AgentOptions& options) {
  // Before the engine's folder in it, which has another mode.
  if (absl::Status made = MakeDirectories(options.state_dir, 0700); !made.ok()) return made;
  DockerRuntimeOptions runtime_options;
  runtime_options.socket_path = options.engine_socket;
  runtime_options.state_dir = absl::StrCat(options.state_dir, "/engine");
  absl::StatusOr<std::unique_ptr<DockerRuntime>> runtime = DockerRuntime::Create(runtime_options);
  if (!runtime.ok()) return runtime.status();
  return Create(options, *std::move(runtime));
}

absl::StatusOr<std::unique_ptr<Agent>> Agent::Create(const AgentOptions& options,
                                                     std::unique_ptr<ContainerRuntime> runtime) {
  absl::StatusOr<std::string> boot_id = ReadBootId();
  if (!boot_id.ok()) return boot_id.status();
  // Containers enter this one as another user.
  if (absl::Status made = MakeDirectories(options.gateway_dir, 0755); !made.ok()) return made;
  if (absl::Status made = MakeDirectories(options.state_dir, 0700); !made.ok()) return made;

  std::unique_ptr<Agent> agent(new Agent());
  LogCaptureOptions capture_options;
  capture_options.spool_dir = absl::StrCat(options.state_dir, "/spool");
  capture_options.max_spool_bytes = options.max_spool_bytes;
  capture_options.max_execution_spool_bytes = options.max_execution_spool_bytes;
  absl::StatusOr<std::unique_ptr<LogCapture>> capture =
      LogCapture::Create(capture_options, &agent->clock_);
  if (!capture.ok()) return capture.status();
  agent->capture_ = *std::move(capture);
  agent->runtime_ = std::move(runtime);

  absl::StatusOr<std::unique_ptr<ExecutionManager>> manager = ExecutionManager::Create(
      ManagerOptionsOf(options, *boot_id), {.clock = &agent->clock_,
                                            .runtime = agent->runtime_.get(),
                                            .capture = agent->capture_.get()});
  if (!manager.ok()) return manager.status();
  agent->manager_ = *std::move(manager);

  const ChannelFactory channels = [options] { return Connect(options); };
  const std::string dev_node = options.dev ? options.node : "";
  Agent* const parts = agent.get();
  agent->sender_ = std::make_unique<LogSender>(LogSenderOptions(), agent->manager_->log_source(),
                                               [parts] { parts->log_client_->Wake(); });
  agent->log_client_ = std::make_unique<LogClient>(
      LogClientOptions{.controller = options.controller}, &agent->clock_,
      GrpcLogConnector(channels, dev_node), agent->sender_.get());
  agent->session_ = std::make_unique<SessionClient>(
      SessionOptionsOf(options, *boot_id), &agent->clock_, GrpcSessionConnector(channels, dev_node),
      agent->manager_.get(), [parts](uint64_t epoch) { parts->log_client_->SetEpoch(epoch); });
  agent->capture_->SetDataListener([parts](const std::string& id) { parts->sender_->OnData(id); });
  return agent;
}

Agent::~Agent() { Stop(); }

void Agent::Start() {
  manager_->Start(session_.get(), sender_.get());
  log_client_->Start();
  session_->Start();
}

void Agent::Stop() {
  if (session_ == nullptr || manager_ == nullptr) return;
  session_->Shutdown();
  log_client_->Shutdown();
  manager_->Shutdown();
  // These answer what is under way; the manager hears of nothing any more.
  runtime_.reset();
  capture_.reset();
}

}  // namespace cronium::agent
