// SPDX-License-Identifier: Apache-2.0
// cronium-bench-log-agent: the agent with all its parts but the engine. Its jobs are processes of
// cronium-bench-log-source, whatever their image and script; the script's arguments say what they
// write. Takes the agent's options.
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/statusor.h"
#include "agent/process/agent.h"
#include "agent/process/options.h"
#include "common/descriptor_limit.h"
#include "common/log.h"
#include "common/rpc/prepare_grpc.h"
#include "common/shutdown.h"
#include "tools/bench/log_programs/process_runtime.h"

namespace cronium::bench {
namespace {

int Fail(const absl::Status& status) {
  LogError("cannot start", {{"reason", status.message()}});
  return 1;
}

// Built with this program, and beside it.
std::string SourceProgram() {
  std::error_code ignored;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  return (self.parent_path() / "cronium-bench-log-source").string();
}

int Main(int argc, char** argv) {
  BlockShutdownSignals();
  RaiseDescriptorLimit();
  agent::AgentOptions options;
  const int status = agent::ParseAgentOptions(argc, argv, &options);
  if (status >= 0) return status;
  PrepareGrpc();
  absl::StatusOr<std::unique_ptr<ProcessRuntime>> runtime = ProcessRuntime::Create(SourceProgram());
  if (!runtime.ok()) return Fail(runtime.status());
  absl::StatusOr<std::unique_ptr<agent::Agent>> agent =
      agent::Agent::Create(options, *std::move(runtime));
  if (!agent.ok()) return Fail(agent.status());
  (*agent)->Start();
  LogInfo("agent started", {{"node", options.node}});
  WaitForShutdownSignal();
  (*agent)->Stop();
  return 0;
}

}  // namespace
}  // namespace cronium::bench

int main(int argc, char** argv) { return cronium::bench::Main(argc, argv); }
