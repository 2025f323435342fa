// SPDX-License-Identifier: Apache-2.0
// The agent's process: one per host. Reads its configuration, runs until it is told to stop.
#include <memory>

#include "absl/status/statusor.h"
#include "agent/process/agent.h"
#include "agent/process/options.h"
#include "common/descriptor_limit.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/rpc/prepare_grpc.h"
#include "common/shutdown.h"

namespace cronium::agent {
namespace {

int Fail(const absl::Status& status) {
  LogError("cannot start", {{"reason", status.message()}});
  return 1;
}

int Main(int argc, char** argv) {
  BlockShutdownSignals();
  RaiseDescriptorLimit();
  AgentOptions options;
  const int status = ParseAgentOptions(argc, argv, &options);
  if (status >= 0) return status;
  if (const absl::Status armed = ArmFaultsFromEnvironment(); !armed.ok()) return Fail(armed);
  PrepareGrpc();
  absl::StatusOr<std::unique_ptr<Agent>> agent = Agent::Create(options);
  if (!agent.ok()) return Fail(agent.status());
  (*agent)->Start();
  LogInfo("agent started", {{"node", options.node},
                            {"cluster", options.cluster},
                            {"controller", options.controller},
                            {"slots", options.slots}});
  const int signal = WaitForShutdownSignal();
  LogInfo("agent stops; what runs goes on", {{"signal", signal}});
  (*agent)->Stop();
  return 0;
}

}  // namespace
}  // namespace cronium::agent

int main(int argc, char** argv) { return cronium::agent::Main(argc, argv); }
